/* Keeps secrets out of one stream. */
#include "redact.h"

#include <string.h>

#define MASK "******"

struct found {
    size_t start; /* the size of the data if there is none */
    size_t size;
};

void hidden_make(struct hidden *one, const struct text *secrets, size_t count) {
    *one = (struct hidden){.at = secrets, .count = count};
    for (size_t i = 0; i < count; i++) {
        one->begins[(unsigned char)secrets[i].at[0]] = true;
        one->longest = secrets[i].size > one->longest ? secrets[i].size : one->longest;
    }
}

/* The first secret that is whole; of several at one place the longest. */
static struct found search(const struct hidden *hidden, const char *data, size_t start,
                           size_t size) {
    for (size_t at = start; at < size; at++) {
        if (!hidden->begins[(unsigned char)data[at]]) {
            continue;
        }
        for (size_t i = 0; i < hidden->count; i++) {
            const struct text *one = &hidden->at[i];
            if (one->size <= size - at && one->at[0] == data[at] &&
                memcmp(one->at, data + at, one->size) == 0) {
                return (struct found){at, one->size};
            }
        }
    }
    return (struct found){size, 0};
}

/* Whether what stands at a place up to the end may be the beginning of a secret. */
static bool may_grow(const struct hidden *hidden, const char *rest, size_t size) {
    if (!size || !hidden->begins[(unsigned char)rest[0]]) {
        return false;
    }
    for (size_t i = 0; i < hidden->count && hidden->at[i].size > size; i++) {
        if (hidden->at[i].at[0] == rest[0] && memcmp(hidden->at[i].at, rest, size) == 0) {
            return true;
        }
    }
    return false;
}

/* Where the first possible beginning of a secret stands that the data cut off. */
static size_t hold(const struct hidden *hidden, const char *data, size_t start, size_t size) {
    size_t first = size >= hidden->longest ? size - hidden->longest + 1 : 0;
    for (size_t at = first > start ? first : start; at < size; at++) {
        if (may_grow(hidden, data + at, size - at)) {
            return at;
        }
    }
    return size;
}

void redact_feed(struct redactor *one, const char *data, size_t size, struct text *out) {
    const struct hidden *hidden = one->hidden;
    if (!hidden->count) {
        text_add(out, data, size);
        return;
    }
    text_add(&one->held, data, size);
    const char *all = one->held.at;
    size_t end = one->held.size;
    size_t start = 0;
    size_t keep = hold(hidden, all, 0, end);
    for (;;) {
        struct found found = search(hidden, all, start, end);
        keep = keep < start ? hold(hidden, all, start, end) : keep;
        /* A longer secret may begin before the one that is whole: then it is waited for. */
        if (found.start == end || keep < found.start ||
            may_grow(hidden, all + found.start, end - found.start)) {
            keep = found.start < keep ? found.start : keep;
            break;
        }
        text_add(out, all + start, found.start - start);
        text_word(out, MASK);
        start = found.start + found.size;
    }
    text_add(out, all + start, keep - start);
    text_drop(&one->held, keep);
}

void redact_end(struct redactor *one, struct text *out) {
    size_t start = 0;
    while (start < one->held.size) {
        struct found found = search(one->hidden, one->held.at, start, one->held.size);
        text_add(out, one->held.at + start, found.start - start);
        if (found.size) {
            text_word(out, MASK);
        }
        start = found.start + found.size;
    }
    text_free(&one->held);
}

void redact_text(const struct hidden *hidden, struct text *one) {
    if (hidden->count) {
        struct redactor by_itself = {.hidden = hidden};
        struct text out = {0};
        text_add(&out, "", 0);
        redact_feed(&by_itself, one->at, one->size, &out);
        redact_end(&by_itself, &out);
        text_free(one);
        *one = out;
    }
}
