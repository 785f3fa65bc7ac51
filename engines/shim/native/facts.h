/* What the files of a run directory say, in the words of engines/rundir/facts.py. */
#ifndef NARTHEX_FACTS_H
#define NARTHEX_FACTS_H

#include "base.h"

/* How a run ended. -1 stands for no exit code or no signal. */
struct ending {
    const char *kind;
    int exit_code;
    int signal;
    struct text message; /* a sentence, made fit before */
    const char *reason;
    int64_t started_ms;
    int64_t ended_ms;
    double seconds;
    uint64_t bytes;
    uint32_t checksum;
    uint64_t dropped;
    uint64_t refused_line;
};

struct ending ending_of(const char *kind, const char *message, const char *reason);
void encode_ending(const struct ending *ending, struct text *into);
void encode_shim(pid_t pid, unsigned long long start, const char *boot, const char *group,
                 struct text *into);
void encode_started(pid_t pid, int64_t started_ms, struct text *into);
/* Whether somebody asked for the end of a run; then with which grace. */
bool kill_requested(const char *folder, double otherwise, double *grace);
/* Makes it durable how a run ended; a full disk is waited for, within reason. */
void state_ending(const char *folder, const struct ending *ending);

#endif
