/* What a kill did: see engines/rundir/kill_report.py. */
#ifndef NARTHEX_KILL_REPORT_H
#define NARTHEX_KILL_REPORT_H

#include "base.h"

#define REPORT_MOST 64
#define REPORT_SIGNALS 2 /* the polite one and the certain one */

struct signalled {
    int number;
    int64_t first_ms;
    int64_t last_ms;
    uint64_t sent;
    pid_t pids[REPORT_MOST];
    size_t count;
};

struct death {
    pid_t pid;
    int64_t at_ms;
    int status;
};

struct kill_report {
    bool kept; /* whether a kill has begun */
    bool stale; /* whether something happened since the last statement */
    const char *why;
    double grace_seconds;
    bool grace_whole;
    int64_t begun_ms;
    struct signalled signals[REPORT_SIGNALS];
    size_t signal_count;
    uint64_t died;
    struct death deaths[REPORT_MOST];
    size_t death_count;
};

void report_begin(struct kill_report *one, const char *why, double grace, bool whole);
void report_signalled(struct kill_report *one, int number, const struct pids *hit);
void report_died(struct kill_report *one, pid_t pid, int status);
/* The file that states the account as it is now. */
void report_encode(struct kill_report *one, const struct pids *left, const char *proof,
                   struct text *into);

#endif
