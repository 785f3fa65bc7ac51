/* How lines stand at one place of an output: see engines/shim/tally.py. */
#ifndef NARTHEX_TALLY_H
#define NARTHEX_TALLY_H

#include "splitter.h"

struct tally {
    uint64_t offset; /* up to where the recorded output is counted */
    uint64_t bytes[3]; /* how much of each stream */
    struct splitter splitter;
    uint64_t sound_offset; /* the last place from which another can go on */
    struct gap sound;
};

struct tally *tally_new(uint64_t offset, const struct gap *gap);
void tally_free(struct tally *one);
struct tally *tally_fork(const struct tally *one);
/* Counts what is recorded up to a limit, and the whole record that is there. */
void tally_advance(struct tally *one, int fd, uint64_t limit);
/* Counts one record that is nowhere. */
void tally_take(struct tally *one, int kind, int64_t time_ms, const char *data, size_t size);
/* How lines go on here, into a gap of the caller; false while a long line is open. */
bool tally_gap(const struct tally *one, struct gap *into);

#endif
