/* How long a run may go on and has gone on. */
#include "time_limit.h"

void limit_begin(struct time_limit *one, double now) {
    one->begun = true;
    one->begun_at = now;
}

void limit_pause(struct time_limit *one, double now) {
    if (one->begun && !one->paused) {
        one->paused = true;
        one->paused_at = now;
    }
}

void limit_resume(struct time_limit *one, double now) {
    if (one->paused) {
        one->spent += now - one->paused_at;
        one->paused = false;
    }
}

void limit_change(struct time_limit *one, double seconds) {
    bool both = seconds > 0 && one->most > 0;
    double smaller = seconds < one->most ? seconds : one->most;
    one->seconds = both ? smaller : seconds > 0 ? seconds : one->most;
    one->warned = false;
}

double limit_elapsed(const struct time_limit *one, double now) {
    if (!one->begun) {
        return 0;
    }
    return (one->paused ? one->paused_at : now) - one->begun_at - one->spent;
}

double limit_stop_at(const struct time_limit *one) {
    if (!one->begun || one->paused || one->seconds <= 0) {
        return NEVER;
    }
    return one->begun_at + one->spent + one->seconds;
}

double limit_warn_at(const struct time_limit *one) {
    return one->warn > 0 && !one->warned ? limit_stop_at(one) - one->warn : NEVER;
}
