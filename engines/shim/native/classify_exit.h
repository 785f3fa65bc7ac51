/* How a run ended, from what its watch saw. */
#ifndef NARTHEX_CLASSIFY_EXIT_H
#define NARTHEX_CLASSIFY_EXIT_H

#include "facts.h"
#include "watch.h"

/* No process could be made for the task. */
void fail_start(struct watch *watch, int number);
struct ending classify_exit(struct watch *watch);

#endif
