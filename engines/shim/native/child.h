/* The process that becomes the task: see engines/shim/child.py. */
#ifndef NARTHEX_CHILD_H
#define NARTHEX_CHILD_H

#include "base.h"

/* What waits to become the task. */
struct child {
    pid_t pid;
    int out;
    int err;
    int report; /* says why there was no exec; its end without a word is the exec */
    int gate;
};

struct failure {
    int number; /* the errno, 0 if none fits */
    struct text message;
};

/* What a child is made with. */
struct making {
    int message; /* a descriptor that holds the order, -1 while there is none */
    const char *group;
    mode_t umask;
};

/* Makes a process that gets ready and waits; 0 or the errno. */
int child_make(struct child *one, const struct making *how);
/* Gives it the order, a descriptor; false if it is no more. */
bool child_instruct(const struct child *one, int message);
/* Lets it execute what it was told. The limits that hold for the run as a whole, a bit for each kind,
 * it need not set for each process. */
void child_release(struct child *one, unsigned int held);
/* Sees to it that it ends without having executed anything. */
void child_abandon(struct child *one);
/* What came through the pipe; false for the end, which is success. */
bool child_failure(int report, struct failure *into);

#endif
