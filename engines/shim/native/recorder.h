/* Writes what a run says to its output file: see engines/shim/recorder.py. */
#ifndef NARTHEX_RECORDER_H
#define NARTHEX_RECORDER_H

#include "tally.h"

struct recorder {
    int fd;
    const char *folder;
    uint64_t tail;
    uint64_t head;
    bool capped;
    uint64_t lag;
    int64_t begin; /* where the hole begins, -1 while there is none */
    uint64_t end;  /* and where it ends */
    struct tally *rear;
    struct tally *front; /* may be the same as the rear */
    bool losing;
    bool full;
    uint64_t lost[3];
    uint64_t gone;
    uint32_t sum;
    uint64_t size;
    uint64_t dropped;
    uint64_t refused_line;
};

/* Makes the output of a run directory; 0 or the errno. The folder's name must stay. */
int recorder_open(struct recorder *one, const char *folder, uint64_t max_bytes);
/* Records what was read; never fails, and what it cannot keep is counted. */
void recorder_add(struct recorder *one, int kind, int64_t time_ms, const char *data, size_t size);
/* Says what is missing at the end, and closes the file. */
void recorder_end(struct recorder *one, int64_t time_ms);
/* CRC-32 of the file, 0 if it has a hole. */
uint32_t recorder_checksum(const struct recorder *one);

#endif
