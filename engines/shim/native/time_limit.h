/* How long a run may go on and has gone on, without the time for which it was suspended. */
#ifndef NARTHEX_TIME_LIMIT_H
#define NARTHEX_TIME_LIMIT_H

#include "base.h"

struct time_limit {
    double seconds; /* 0 for none */
    double most;    /* what no change may go beyond, 0 for any */
    double warn;    /* so long before the limit it is warned, 0 for never */
    bool warned;
    bool begun;
    bool paused;
    double begun_at;
    double paused_at;
    double spent; /* while it stood still */
};

void limit_begin(struct time_limit *one, double now);
void limit_pause(struct time_limit *one, double now);
void limit_resume(struct time_limit *one, double now);
/* Another limit from now on, 0 for none but the configured one; a warning is due anew. */
void limit_change(struct time_limit *one, double seconds);
double limit_elapsed(const struct time_limit *one, double now);
double limit_stop_at(const struct time_limit *one);
double limit_warn_at(const struct time_limit *one);

#endif
