/* Counts the lines of records. */
#include "splitter.h"

#include <stdlib.h>
#include <string.h>

/* Tests scale these down, so that small examples reach them. */
#ifndef MAX_PART
#define MAX_PART ((size_t)1 << 16)
#endif
#ifndef MAX_WAITING
#define MAX_WAITING ((size_t)1 << 20)
#endif
#ifndef MAX_WAITING_MS
#define MAX_WAITING_MS 5000
#endif
#ifndef SLICE
#define SLICE ((size_t)1 << 13)
#endif

static void dispatch(struct splitter *one, int stream, int64_t time_ms, const char *data,
                     size_t size);

void splitter_start(struct splitter *one) {
    *one = (struct splitter){.line = 1, .waiting_since = -1};
}

static void forget_waiting(struct splitter *one) {
    for (size_t i = 0; i < one->waiting_count; i++) {
        text_free(&one->waiting[i].data);
    }
    free(one->waiting);
    one->waiting = NULL;
    one->waiting_count = 0;
    one->waiting_bytes = 0;
    one->waiting_since = -1;
}

/* Forgets all that is open or waits. */
static void drop(struct splitter *one) {
    one->long_stream = 0;
    forget_waiting(one);
    text_clear(&one->open[OUT]);
    text_clear(&one->open[ERR]);
}

void splitter_free(struct splitter *one) {
    forget_waiting(one);
    text_free(&one->open[OUT]);
    text_free(&one->open[ERR]);
}

/* Ends the long line, and lets in what waits behind it. */
static void close_long(struct splitter *one) {
    text_clear(&one->open[one->long_stream]);
    one->long_stream = 0;
    struct waiting *entries = one->waiting;
    size_t count = one->waiting_count;
    one->waiting = NULL;
    one->waiting_count = 0;
    one->waiting_bytes = 0;
    one->waiting_since = -1;
    for (size_t i = 0; i < count; i++) {
        struct waiting *entry = &entries[i];
        dispatch(one, entry->stream, entry->time_ms, entry->data.at, entry->data.size);
        text_free(&entry->data);
    }
    free(entries);
}

static void wait_behind(struct splitter *one, int stream, int64_t time_ms, const char *data,
                        size_t size) {
    size_t wanted = (one->waiting_count + 1) * sizeof *one->waiting;
    one->waiting = grab_more(one->waiting, wanted);
    struct waiting *entry = &one->waiting[one->waiting_count++];
    *entry = (struct waiting){.stream = stream, .time_ms = time_ms};
    text_add(&entry->data, data, size);
    one->waiting_bytes += size;
    if (one->waiting_since < 0 && memchr(data, '\n', size) != NULL) {
        one->waiting_since = time_ms;
    }
    if (one->waiting_bytes >= MAX_WAITING) {
        close_long(one);
    }
}

static size_t feeds(const char *data, size_t size) {
    size_t count = 0;
    const char *end = data + size;
    while (data < end && (data = memchr(data, '\n', (size_t)(end - data))) != NULL) {
        count++;
        data++;
    }
    return count;
}

/* Takes lines from a slice while no line is long; how many of its bytes it took. */
static size_t split(struct splitter *one, int stream, int64_t time_ms, const char *piece,
                    size_t size) {
    struct text *begun = &one->open[stream];
    const char *last = memrchr(piece, '\n', size);
    size_t start = 0;
    if (begun->size) {
        const char *found = last != NULL ? memchr(piece, '\n', size) : NULL;
        size_t first = found != NULL ? (size_t)(found - piece) : size;
        if (last == NULL || begun->size + first > MAX_PART) {
            text_add(begun, piece, first);
            one->time_ms[stream] = (uint64_t)time_ms;
            if (begun->size > MAX_PART) {
                /* A long line gets its number now; its bytes are nobody's business here. */
                one->long_stream = stream;
                one->line++;
                text_clear(begun);
            }
            return first;
        }
        one->line++;
        text_clear(begun);
        start = first + 1;
    }
    if (last != NULL && (size_t)(last - piece) >= start) {
        one->line += feeds(piece + start, size - start);
        start = (size_t)(last - piece) + 1;
    }
    if (start < size) {
        text_add(begun, piece + start, size - start);
        one->time_ms[stream] = (uint64_t)time_ms;
    }
    return size;
}

static void take(struct splitter *one, int stream, int64_t time_ms, const char *data, size_t size) {
    size_t start = 0;
    while (start < size) {
        if (one->long_stream == stream) {
            const char *found = memchr(data + start, '\n', size - start);
            one->time_ms[stream] = (uint64_t)time_ms;
            if (found == NULL) {
                return;
            }
            close_long(one);
            start = (size_t)(found - data) + 1;
        } else if (one->long_stream) {
            wait_behind(one, stream, time_ms, data + start, size - start);
            return;
        } else {
            size_t rest = size - start;
            start += split(one, stream, time_ms, data + start, rest < SLICE ? rest : SLICE);
        }
    }
}

static void dispatch(struct splitter *one, int stream, int64_t time_ms, const char *data,
                     size_t size) {
    bool due = one->waiting_since >= 0 && time_ms - one->waiting_since >= MAX_WAITING_MS;
    if (one->long_stream && due) {
        close_long(one);
    }
    if (one->long_stream && one->long_stream != stream) {
        wait_behind(one, stream, time_ms, data, size);
    } else {
        take(one, stream, time_ms, data, size);
    }
}

void splitter_feed(struct splitter *one, int kind, int64_t time_ms, const char *data, size_t size) {
    if (kind != GAP) {
        if (size) {
            dispatch(one, kind, time_ms, data, size);
        }
        return;
    }
    struct gap gap;
    gap_decode((const unsigned char *)data, size, &gap);
    drop(one);
    one->line = gap.line > one->line ? gap.line : one->line;
    for (int stream = OUT; stream <= ERR; stream++) {
        if (gap.open[stream].size) {
            dispatch(one, stream, (int64_t)gap.time_ms[stream], gap.open[stream].at,
                     gap.open[stream].size);
        }
    }
    gap_free(&gap);
}

void splitter_jump(struct splitter *one, const struct gap *gap) {
    drop(one);
    one->line = gap->line > one->line ? gap->line : one->line;
    for (int stream = OUT; stream <= ERR; stream++) {
        text_add(&one->open[stream], gap->open[stream].at, gap->open[stream].size);
        one->time_ms[stream] = gap->time_ms[stream];
    }
}

void splitter_finish(struct splitter *one) {
    while (one->long_stream) {
        close_long(one);
    }
    for (int stream = OUT; stream <= ERR; stream++) {
        if (one->open[stream].size) {
            one->line++;
            text_clear(&one->open[stream]);
        }
    }
}

bool splitter_snapshot(const struct splitter *one, struct gap *into) {
    if (one->long_stream) {
        return false;
    }
    into->line = one->line;
    for (int stream = OUT; stream <= ERR; stream++) {
        into->lost[stream] = 0;
        into->time_ms[stream] = one->time_ms[stream];
        text_clear(&into->open[stream]);
        text_add(&into->open[stream], one->open[stream].at, one->open[stream].size);
    }
    return true;
}
