/* Ends what is below this process, and knows when nothing is left. */
#ifndef NARTHEX_KILLING_H
#define NARTHEX_KILLING_H

#include "watch.h"

/* Collects ended children; how many. */
int reap(struct watch *watch);
/* Asks everything to end, and sets the time when it is made to. */
void begin_kill(struct watch *watch, const char *why, double grace, bool whole, double now);
/* Kills everything below until the kernel says that nothing is left; never gives up. */
void exterminate(struct watch *watch);
/* States what the kill did so far; an account only, so a full disk does not matter. */
void state_kill(struct watch *watch, const char *proof);

#endif
