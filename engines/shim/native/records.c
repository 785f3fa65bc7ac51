/* The format of recorded output. */
#include "records.h"

#include <string.h>

void put_u32(unsigned char *at, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
}

void put_u64(unsigned char *at, uint64_t value) {
    for (int i = 0; i < 8; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
}

uint32_t get_u32(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint64_t get_u64(const unsigned char *at) {
    return (uint64_t)get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
}

void header_encode(unsigned char into[static HEADER_SIZE], int kind, int64_t time_ms, size_t size) {
    memset(into, 0, HEADER_SIZE);
    put_u32(into, (uint32_t)size);
    into[4] = (unsigned char)kind;
    put_u64(into + 8, (uint64_t)time_ms);
}

bool header_decode(const unsigned char from[static HEADER_SIZE], struct header *into) {
    into->size = get_u32(from);
    into->kind = from[4];
    into->time_ms = get_u64(from + 8);
    return into->kind >= OUT && into->kind <= GAP && into->size <= MAX_RECORD;
}

void gap_encode(const struct gap *gap, struct text *into) {
    unsigned char fixed[GAP_SIZE];
    put_u64(fixed, gap->lost[OUT]);
    put_u64(fixed + 8, gap->lost[ERR]);
    put_u64(fixed + 16, gap->line);
    put_u64(fixed + 24, gap->time_ms[OUT]);
    put_u64(fixed + 32, gap->time_ms[ERR]);
    put_u32(fixed + 40, (uint32_t)gap->open[OUT].size);
    put_u32(fixed + 44, (uint32_t)gap->open[ERR].size);
    text_add(into, fixed, sizeof fixed);
    text_add(into, gap->open[OUT].at, gap->open[OUT].size);
    text_add(into, gap->open[ERR].at, gap->open[ERR].size);
}

void gap_decode(const unsigned char *data, size_t size, struct gap *into) {
    *into = (struct gap){.line = 1};
    if (size < GAP_SIZE) {
        return;
    }
    size_t out = get_u32(data + 40);
    size_t err = get_u32(data + 44);
    if (size != GAP_SIZE + out + err) {
        return;
    }
    into->lost[OUT] = get_u64(data);
    into->lost[ERR] = get_u64(data + 8);
    into->line = get_u64(data + 16);
    into->time_ms[OUT] = get_u64(data + 24);
    into->time_ms[ERR] = get_u64(data + 32);
    text_add(&into->open[OUT], data + GAP_SIZE, out);
    text_add(&into->open[ERR], data + GAP_SIZE + out, err);
}

void gap_copy(const struct gap *from, struct gap *to) {
    to->line = from->line;
    for (int stream = OUT; stream <= ERR; stream++) {
        to->lost[stream] = from->lost[stream];
        to->time_ms[stream] = from->time_ms[stream];
        text_clear(&to->open[stream]);
        text_add(&to->open[stream], from->open[stream].at, from->open[stream].size);
    }
}

void gap_free(struct gap *one) {
    text_free(&one->open[OUT]);
    text_free(&one->open[ERR]);
}
