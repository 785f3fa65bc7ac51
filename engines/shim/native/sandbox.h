/* The walls around a task: see engines/shim/sandbox.py. */
#ifndef NARTHEX_SANDBOX_H
#define NARTHEX_SANDBOX_H

#include "order.h"

/* Returns 0 in a process inside, which has nothing left to do but to become the task; or the errno
 * in some process, with what it is about in `culprit`, NULL for nothing. Of the other processes none
 * returns. `parent` is who waits for this one, and whose death is the death of all. */
int sandbox_enter(const struct sandbox *box, const char *directory, pid_t parent,
                  const char **culprit);
/* The task in whose place a process waits, and its parent; 0 for none. */
pid_t inmost(pid_t pid, pid_t *first);

#endif
