/* Writes what a run says to its output file, and knows truthfully what is not kept. */
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "crc32.h"
#include "hole.h"
#include "run_dir.h"

#define TAIL_SHARE 4
#define KEPT_SHARE 0.75 /* of the tail, when it is cut: a cut costs, so not every read needs one */
/* Tests scale these down, so that small examples reach them. */
#ifndef LAG_BYTES
#define LAG_BYTES ((uint64_t)64 << 20)
#endif
#ifndef STEP_BYTES
#define STEP_BYTES ((uint64_t)1 << 18)
#endif
#define PAGE 4096
#ifndef PIECE_BYTES
#define PIECE_BYTES ((size_t)1 << 16)
#endif

int recorder_open(struct recorder *one, const char *folder, uint64_t max_bytes) {
    *one = (struct recorder){.folder = folder, .begin = -1};
    char *path = path_of(folder, "output");
    one->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int failure = one->fd < 0 ? errno : 0;
    free(path);
    if (failure) {
        return failure;
    }
    path = path_of(folder, HOLE);
    unlink(path);
    free(path);
    one->tail = max_bytes / TAIL_SHARE;
    one->head = max_bytes - one->tail;
    one->capped = max_bytes > 0;
    one->lag = one->capped && one->tail < LAG_BYTES ? one->tail : LAG_BYTES;
    one->rear = tally_new(0, NULL);
    return 0;
}

uint32_t recorder_checksum(const struct recorder *one) {
    return one->end ? 0 : one->sum;
}

/* Appends all or nothing: a reader takes no record before it is whole. */
static bool append(struct recorder *one, const struct iovec *parts, int count) {
    ssize_t wanted = 0;
    for (int i = 0; i < count; i++) {
        wanted += (ssize_t)parts[i].iov_len;
    }
    ssize_t written = pwritev(one->fd, parts, count, (off_t)one->size);
    if (written != wanted) {
        if (ftruncate(one->fd, (off_t)one->size) < 0) {
            /* What is torn there is overwritten by the next record, or mended later. */
            errno = 0;
        }
        return false;
    }
    one->size += (uint64_t)wanted;
    for (int i = 0; i < count; i++) {
        one->sum = crc32_of(one->sum, parts[i].iov_base, parts[i].iov_len);
    }
    return true;
}

/* The data of the record that says what is missing. */
static void gap_data(const struct recorder *one, struct gap *state, struct text *into) {
    state->lost[OUT] = one->lost[OUT];
    state->lost[ERR] = one->lost[ERR];
    gap_encode(state, into);
}

/* Counts a read that is not kept. */
static void lose(struct recorder *one, int kind, int64_t time_ms, const char *data, size_t size) {
    if (!one->losing) {
        one->losing = true;
        if (one->front == NULL) {
            one->front = tally_fork(one->rear);
        }
        tally_advance(one->front, one->fd, one->size);
        if (!one->refused_line) {
            one->refused_line = one->front->splitter.line;
        }
    }
    if (one->front != NULL) {
        tally_take(one->front, kind, time_ms, data, size);
    }
    one->lost[kind] += size;
    one->dropped += size;
}

/* Writes again after a loss, if there is room and no long line is open. */
static bool go_on(struct recorder *one, int64_t time_ms, const struct iovec record[2]) {
    struct gap state = {0};
    struct text data = {0};
    uint64_t place = one->size;
    bool done = one->front != NULL && tally_gap(one->front, &state);
    if (done) {
        unsigned char head[HEADER_SIZE];
        gap_data(one, &state, &data);
        header_encode(head, GAP, time_ms, data.size);
        struct iovec parts[] = {{head, sizeof head}, {data.at, data.size}, record[0], record[1]};
        done = append(one, parts, 4);
    }
    if (done) {
        one->losing = false;
        one->lost[OUT] = one->lost[ERR] = 0;
        if (one->front == one->rear) {
            state.lost[OUT] = state.lost[ERR] = 0;
            tally_free(one->rear);
            one->rear = tally_new(place, &state);
            one->front = NULL;
            one->gone = 0;
        }
    }
    gap_free(&state);
    text_free(&data);
    return done;
}

/* Frees the disk up to the new end of the hole. */
static void give_back(struct recorder *one, uint64_t end) {
    uint64_t begin = (uint64_t)one->begin;
    uint64_t before = one->end - one->end % PAGE;
    begin = before > begin ? before : begin;
    one->end = end;
    uint64_t gone = one->rear->bytes[OUT] + one->rear->bytes[ERR];
    one->dropped += gone - one->gone;
    one->gone = gone;
    if (hole_punch(one->fd, begin, end)) {
        one->full = true; /* it cannot be made smaller: then nothing more goes into it */
    }
}

/* How much is kept behind the head, and behind the hole once there is one. */
static uint64_t behind(const struct recorder *one) {
    uint64_t from = (uint64_t)one->begin > one->end ? (uint64_t)one->begin : one->end;
    return one->size - from;
}

/* Takes the older part of the tail out of the file. */
static void shrink(struct recorder *one) {
    struct tally *rear = one->rear;
    struct gap state = {0};
    if (rear->offset <= (uint64_t)one->begin) {
        tally_advance(rear, one->fd, (uint64_t)one->begin);
        rear->bytes[OUT] = rear->bytes[ERR] = 0;
    }
    tally_advance(rear, one->fd, one->size - (uint64_t)((double)one->tail * KEPT_SHARE));
    bool known = tally_gap(rear, &state);
    while (!known && rear->offset < one->size) {
        uint64_t before = rear->offset;
        tally_advance(rear, one->fd, rear->offset + 1);
        if (rear->offset == before) {
            break; /* what was written cannot be read: nothing moves any more */
        }
        known = tally_gap(rear, &state);
    }
    state.lost[OUT] = rear->bytes[OUT];
    state.lost[ERR] = rear->bytes[ERR];
    uint64_t begin = (uint64_t)one->begin;
    int failure = hole_note(one->folder, begin, rear->offset, known ? &state : NULL);
    gap_free(&state);
    if (failure) {
        /* Without a note nothing may go. On a full disk what follows is lost, else it is tried
         * again with the next read, for as long as the file is not far too large. */
        one->full = behind(one) > 2 * one->tail;
        return;
    }
    give_back(one, rear->offset);
    if (!known) {
        /* One line is longer than the tail: nothing of it can be kept before it ends. */
        if (one->front != NULL && one->front != rear) {
            tally_free(one->front);
        }
        one->front = rear;
        one->losing = true;
    } else if (one->front != NULL && one->front->offset < one->end) {
        if (one->front != rear) {
            tally_free(one->front);
        }
        one->front = NULL;
    }
}

/* Sees to it that the file stays below its cap. */
static void cap(struct recorder *one, uint64_t added) {
    if (one->begin < 0) {
        uint64_t step = STEP_BYTES < one->lag ? STEP_BYTES : one->lag;
        if (one->size > one->head) {
            one->begin = (int64_t)(one->size - added);
        } else if (one->size >= one->lag + one->rear->offset + step) {
            tally_advance(one->rear, one->fd, one->size - one->lag);
        }
    }
    if (one->begin >= 0 && behind(one) > one->tail) {
        shrink(one);
    }
}

static void add_piece(struct recorder *one, int kind, int64_t time_ms, const char *data,
                      size_t size) {
    unsigned char head[HEADER_SIZE];
    header_encode(head, kind, time_ms, size);
    struct iovec parts[] = {{head, sizeof head}, {(void *)(uintptr_t)data, size}};
    if (one->full || !(one->losing ? go_on(one, time_ms, parts) : append(one, parts, 2))) {
        lose(one, kind, time_ms, data, size);
    } else if (one->capped) {
        cap(one, HEADER_SIZE + size);
    } else if (one->size >= one->lag + one->rear->offset + STEP_BYTES) {
        tally_advance(one->rear, one->fd, one->size - one->lag);
    }
}

void recorder_add(struct recorder *one, int kind, int64_t time_ms, const char *data, size_t size) {
    size_t start = 0;
    do {
        size_t piece = size - start < PIECE_BYTES ? size - start : PIECE_BYTES;
        add_piece(one, kind, time_ms, data + start, piece);
        start += piece;
    } while (start < size);
}

void recorder_end(struct recorder *one, int64_t time_ms) {
    if (one->losing && one->front != NULL) {
        struct gap state = {0};
        struct text data = {0};
        if (!tally_gap(one->front, &state)) {
            splitter_finish(&one->front->splitter);
            state.line = one->front->splitter.line;
        }
        unsigned char head[HEADER_SIZE];
        gap_data(one, &state, &data);
        header_encode(head, GAP, time_ms, data.size);
        struct iovec parts[] = {{head, sizeof head}, {data.at, data.size}};
        append(one, parts, 2);
        gap_free(&state);
        text_free(&data);
    }
    if (one->front != one->rear) {
        tally_free(one->front);
    }
    tally_free(one->rear);
    one->front = one->rear = NULL;
    close_quietly(one->fd);
    one->fd = -1;
}
