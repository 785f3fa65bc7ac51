/* Looking at processes and signalling them without ever hitting the wrong one.
 *
 * A pid is only signalled while it cannot mean another process: an unreaped child of the caller,
 * or a process that is held by a pidfd and looked at again before the signal goes out. */
#ifndef NARTHEX_PROCESSES_H
#define NARTHEX_PROCESSES_H

#include "base.h"

/* Who belongs together: a set of pids. */
struct family {
    unsigned char *bits;
};

void family_make(struct family *one, pid_t root, const struct pids *others);
void family_free(struct family *one);

/* Has the session of a process stand back; false if it has to be tried again. 0 is oneself. */
bool stand_back(int nice, pid_t pid);
/* The name of this boot. */
void boot_id(struct text *into);
/* When a process started, in clock ticks since boot; 0 if there is no such process. */
unsigned long long start_time(pid_t pid);
#define OWNER_SIZE 64
/* A word for a process that no other of this boot has: its pid and when it started. */
void owner_of(pid_t pid, char into[static OWNER_SIZE]);
/* The children of a process, as far as they stand still meanwhile. */
void children(pid_t pid, struct pids *into);
/* Everything below a process, parents before their children. */
void descendants(pid_t root, struct pids *into);
/* Sends one signal, or two, to everything below root; the pids that got them. */
void signal_tree(pid_t root, int number, int second, struct pids *hit);
/* Sends a signal to a process if one of the family is its parent. */
bool signal_relative(pid_t pid, const struct family *family, int number, int second);
/* What each thread of a process does, one letter each; empty if it is gone. */
void thread_states(pid_t pid, struct text *into);

#endif
