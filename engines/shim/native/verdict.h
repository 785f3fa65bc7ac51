/* How a run ended, from what its watch saw. */
#ifndef NARTHEX_VERDICT_H
#define NARTHEX_VERDICT_H

#include "facts.h"
#include "watch.h"

/* No process could be made for the task. */
void fail_start(struct watch *watch, int number);
struct ending verdict(struct watch *watch);

#endif
