/* Makes everything of a run stand still, and go on again: see engines/shim/freezer.py. */
#ifndef NARTHEX_FREEZER_H
#define NARTHEX_FREEZER_H

#include "base.h"

/* A process that no other one is during this boot. */
struct who {
    pid_t pid;
    unsigned long long start;
};

struct whos {
    struct who *at;
    size_t count;
};

struct freezer {
    const char *group; /* empty for none */
    bool grouped;
    struct whos before; /* what stood still by itself */
    struct whos stopped;
    struct whos seen; /* at the last look, in order */
    long collected;   /* pages that all had who was collected by then */
    int calm;
};

/* Asks everything to stand still. */
void freezer_begin(struct freezer *one);
/* Whether all stands still by now; to be called again and again. */
bool freezer_step(struct freezer *one);
/* Lets everything go on but what stood still before. */
void freezer_thaw(struct freezer *one);

#endif
