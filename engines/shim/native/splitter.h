/* Counts the lines of records exactly as engines/rundir/lines.py does, and keeps none of them. */
#ifndef NARTHEX_SPLITTER_H
#define NARTHEX_SPLITTER_H

#include "records.h"

/* A record, or the rest of one, that waits behind a long line. */
struct waiting {
    int stream;
    int64_t time_ms;
    struct text data;
};

struct splitter {
    uint64_t line; /* the number that the next line gets */
    struct text open[3];
    uint64_t time_ms[3];
    int long_stream; /* whose line is longer than a part and has its number already; 0 for none */
    struct waiting *waiting;
    size_t waiting_count;
    size_t waiting_bytes;
    int64_t waiting_since; /* -1 while no whole line waits */
};

void splitter_start(struct splitter *one);
void splitter_free(struct splitter *one);
void splitter_feed(struct splitter *one, int kind, int64_t time_ms, const char *data, size_t size);
/* Goes on behind a gap; what was open is not kept. */
void splitter_jump(struct splitter *one, const struct gap *gap);
/* Ends all open lines: nothing follows. */
void splitter_finish(struct splitter *one);
/* How another splitter can go on from here, into a gap of its own; false while a line is long. */
bool splitter_snapshot(const struct splitter *one, struct gap *into);

#endif
