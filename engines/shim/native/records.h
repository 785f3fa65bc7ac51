/* The format of recorded output: see engines/rundir/records.py. */
#ifndef NARTHEX_RECORDS_H
#define NARTHEX_RECORDS_H

#include "base.h"

#define OUT 1
#define ERR 2
#define GAP 3
#define HEADER_SIZE 16
#define MAX_RECORD (1U << 20)
#define GAP_SIZE 48

/* How much output was not kept at one place, and the state of the lines behind it. */
struct gap {
    uint64_t lost[3]; /* by stream, 1 and 2 */
    uint64_t line;
    uint64_t time_ms[3];
    struct text open[3];
};

struct header {
    uint32_t size;
    int kind;
    uint64_t time_ms;
};

void put_u32(unsigned char *at, uint32_t value);
void put_u64(unsigned char *at, uint64_t value);
uint64_t get_u64(const unsigned char *at);
uint32_t get_u32(const unsigned char *at);

void header_encode(unsigned char into[static HEADER_SIZE], int kind, int64_t time_ms, size_t size);
/* False for bytes that begin no record. */
bool header_decode(const unsigned char from[static HEADER_SIZE], struct header *into);
void gap_encode(const struct gap *gap, struct text *into);
/* What a gap's record says; one that cannot be read says nothing. */
void gap_decode(const unsigned char *data, size_t size, struct gap *into);
void gap_copy(const struct gap *from, struct gap *to);
void gap_free(struct gap *one);

#endif
