/* Reads JSON value by value, without building a tree. Never trusts what it reads.
 *
 * Strings come as the bytes that the operating system knows: a half character from DC80 to DCFF
 * stands for one undecodable byte, as Python writes those. */
#ifndef NARTHEX_JSON_READ_H
#define NARTHEX_JSON_READ_H

#include "base.h"

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_LIST, JSON_OBJECT };

struct json {
    const char *at;
    const char *end;
    bool bad;   /* something made no sense: nothing that was read counts */
    int depth;  /* how many lists and objects are open */
};

struct json_number {
    double value;
    bool whole;  /* written as a whole number that fits into `count` */
    int64_t count;
};

struct json json_of(const char *data, size_t size);
/* The kind of the next value, which is not taken yet. */
enum json_kind json_peek(struct json *from);
/* Goes into a list or object; then json_more says whether another member follows. */
void json_enter(struct json *from, char opening);
/* Whether there is a next member; `first` is to begin as true. At the end it takes the closing. */
bool json_more(struct json *from, char closing, bool *first);
/* The name of the next member, into a buffer that is cleared before. */
void json_name(struct json *from, struct text *into);
/* A string; `into` may be NULL. False if it holds a half character that stands for no byte. */
bool json_string(struct json *from, struct text *into);
struct json_number json_number(struct json *from);
/* Takes one value of any kind. Whether Python would call it true. */
bool json_skip(struct json *from);
/* Whether nothing but spaces is left. */
bool json_done(struct json *from);
/* Whether bytes are UTF-8; encoded half characters are let through. */
bool is_utf8(const char *data, size_t size);

#endif
