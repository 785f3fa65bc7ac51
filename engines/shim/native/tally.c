/* How lines stand at one place of an output. */
#include "tally.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Tests scale these down, so that small examples reach them. */
#ifndef READ_BYTES
#define READ_BYTES ((size_t)1 << 18)
#endif

struct tally *tally_new(uint64_t offset, const struct gap *gap) {
    static const struct gap start = {.line = 1};
    struct tally *made = grab(sizeof *made);
    *made = (struct tally){.offset = offset, .sound_offset = offset};
    splitter_start(&made->splitter);
    gap_copy(gap != NULL ? gap : &start, &made->sound);
    splitter_jump(&made->splitter, &made->sound);
    return made;
}

void tally_free(struct tally *one) {
    if (one != NULL) {
        splitter_free(&one->splitter);
        gap_free(&one->sound);
        free(one);
    }
}

struct tally *tally_fork(const struct tally *one) {
    return tally_new(one->sound_offset, &one->sound);
}

static void note_sound(struct tally *one) {
    if (splitter_snapshot(&one->splitter, &one->sound)) {
        one->sound_offset = one->offset;
    }
}

static void count(struct tally *one, int kind, int64_t time_ms, const char *data, size_t size) {
    splitter_feed(&one->splitter, kind, time_ms, data, size);
    if (kind == OUT || kind == ERR) {
        one->bytes[kind] += size;
    }
}

void tally_take(struct tally *one, int kind, int64_t time_ms, const char *data, size_t size) {
    count(one, kind, time_ms, data, size);
    note_sound(one);
}

static size_t read_at(int fd, char *into, size_t size, uint64_t offset) {
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(fd, into + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    return done;
}

void tally_advance(struct tally *one, int fd, uint64_t limit) {
    if (one->offset >= limit) {
        return;
    }
    size_t room = HEADER_SIZE + (size_t)MAX_RECORD;
    char *buffer = grab(room);
    while (one->offset < limit) {
        size_t wanted = limit - one->offset < READ_BYTES ? (size_t)(limit - one->offset) : READ_BYTES;
        wanted = wanted < HEADER_SIZE ? HEADER_SIZE : wanted;
        size_t held = read_at(fd, buffer, wanted, one->offset);
        struct header header;
        if (held < HEADER_SIZE || !header_decode((unsigned char *)buffer, &header)) {
            break;
        }
        if (HEADER_SIZE + (size_t)header.size > held) {
            held = read_at(fd, buffer, HEADER_SIZE + (size_t)header.size, one->offset);
        }
        size_t at = 0;
        while (held - at >= HEADER_SIZE && header_decode((unsigned char *)buffer + at, &header) &&
               held - at >= HEADER_SIZE + (size_t)header.size) {
            count(one, header.kind, (int64_t)header.time_ms, buffer + at + HEADER_SIZE, header.size);
            at += HEADER_SIZE + (size_t)header.size;
        }
        if (!at) {
            break;
        }
        one->offset += at;
        note_sound(one);
    }
    free(buffer);
}

bool tally_gap(const struct tally *one, struct gap *into) {
    return splitter_snapshot(&one->splitter, into);
}
