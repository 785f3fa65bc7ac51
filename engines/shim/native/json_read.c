/* Reads JSON value by value. */
#include "json_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DEPTH 512
#define LONGEST_NUMBER 400

struct json json_of(const char *data, size_t size) {
    return (struct json){.at = data, .end = data + size};
}

static void fail(struct json *from) {
    from->bad = true;
    from->at = from->end;
}

static int next_byte(struct json *from) {
    while (from->at < from->end && strchr(" \t\n\r", *from->at) != NULL && *from->at != '\0') {
        from->at++;
    }
    return from->at < from->end ? (unsigned char)*from->at : -1;
}

static bool word(struct json *from, const char *wanted) {
    size_t size = strlen(wanted);
    if ((size_t)(from->end - from->at) < size || memcmp(from->at, wanted, size) != 0) {
        return false;
    }
    from->at += size;
    return true;
}

enum json_kind json_peek(struct json *from) {
    switch (next_byte(from)) {
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_LIST;
    case '{':
        return JSON_OBJECT;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

void json_enter(struct json *from, char opening) {
    if (next_byte(from) != opening || ++from->depth > MOST_DEPTH) {
        fail(from);
        return;
    }
    from->at++;
}

bool json_more(struct json *from, char closing, bool *first) {
    int byte = next_byte(from);
    if (byte == closing) {
        from->at++;
        from->depth--;
        return false;
    }
    if (!*first) {
        if (byte != ',') {
            fail(from);
            return false;
        }
        from->at++;
        byte = next_byte(from);
        if (byte == closing) {
            fail(from);
        }
    }
    *first = false;
    if (byte < 0) {
        fail(from);
    }
    return !from->bad;
}

void json_name(struct json *from, struct text *into) {
    text_clear(into);
    text_add(into, "", 0); /* even of what is no name there is a text */
    json_string(from, into);
    if (next_byte(from) != ':') {
        fail(from);
        return;
    }
    from->at++;
}

static int four_digits(struct json *from) {
    if (from->end - from->at < 4) {
        fail(from);
        return -1;
    }
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char digit = *from->at++;
        int four;
        if (digit >= '0' && digit <= '9') {
            four = digit - '0';
        } else if (digit >= 'a' && digit <= 'f') {
            four = digit - 'a' + 10;
        } else if (digit >= 'A' && digit <= 'F') {
            four = digit - 'A' + 10;
        } else {
            fail(from);
            return -1;
        }
        value = value * 16 + four;
    }
    return value;
}

/* Adds one character as UTF-8; false for a half character that stands for no byte. */
static bool add_character(struct text *into, uint32_t code) {
    char bytes[4];
    size_t size;
    if (code >= 0xDC80 && code <= 0xDCFF) {
        bytes[0] = (char)(code - 0xDC00);
        size = 1;
    } else if (code < 0x80) {
        bytes[0] = (char)code;
        size = 1;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xC0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3F));
        size = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xE0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[2] = (char)(0x80 | (code & 0x3F));
        size = 3;
    } else {
        bytes[0] = (char)(0xF0 | code >> 18);
        bytes[1] = (char)(0x80 | (code >> 12 & 0x3F));
        bytes[2] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[3] = (char)(0x80 | (code & 0x3F));
        size = 4;
    }
    if (into != NULL) {
        text_add(into, bytes, size);
    }
    return size != 3 || code < 0xD800 || code > 0xDFFF;
}

/* Takes what follows a backslash; false for a half character that stands for no byte. */
static bool escape(struct json *from, struct text *into) {
    static const char plain[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    if (from->at >= from->end) {
        fail(from);
        return true;
    }
    char mark = *from->at++;
    const char *found = mark == '\0' ? NULL : strchr(plain, mark);
    if (found != NULL) {
        return add_character(into, (unsigned char)meant[found - plain]);
    }
    int code = mark == 'u' ? four_digits(from) : -1;
    if (code < 0) {
        fail(from);
        return true;
    }
    bool high = code >= 0xD800 && code <= 0xDBFF;
    if (high && from->end - from->at >= 6 && from->at[0] == '\\' && from->at[1] == 'u') {
        const char *before = from->at;
        from->at += 2;
        int low = four_digits(from);
        if (low < 0) {
            return true;
        }
        if (low >= 0xDC00 && low <= 0xDFFF) {
            uint32_t joined = 0x10000U + ((uint32_t)(code - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
            return add_character(into, joined);
        }
        from->at = before;
    }
    return add_character(into, (uint32_t)code);
}

bool json_string(struct json *from, struct text *into) {
    bool good = true;
    if (next_byte(from) != '"') {
        fail(from);
        return good;
    }
    from->at++;
    if (into != NULL) {
        text_add(into, "", 0);
    }
    while (from->at < from->end) {
        const char *start = from->at;
        while (from->at < from->end && (unsigned char)*from->at >= 0x20 && *from->at != '"' &&
               *from->at != '\\') {
            from->at++;
        }
        if (into != NULL) {
            text_add(into, start, (size_t)(from->at - start));
        }
        if (from->at >= from->end || (unsigned char)*from->at < 0x20) {
            break;
        }
        if (*from->at++ == '"') {
            return good;
        }
        good &= escape(from, into);
        if (from->bad) {
            return good;
        }
    }
    fail(from);
    return good;
}

static size_t digits(struct json *from) {
    const char *start = from->at;
    while (from->at < from->end && *from->at >= '0' && *from->at <= '9') {
        from->at++;
    }
    return (size_t)(from->at - start);
}

static bool special_number(struct json *from, struct json_number *into) {
    if (word(from, "NaN")) {
        into->value = (double)NAN;
    } else if (word(from, "Infinity")) {
        into->value = (double)INFINITY;
    } else if (word(from, "-Infinity")) {
        into->value = -(double)INFINITY;
    } else {
        return false;
    }
    return true;
}

struct json_number json_number(struct json *from) {
    struct json_number found = {0};
    next_byte(from);
    if (from->at >= from->end) {
        fail(from);
        return found;
    }
    if (special_number(from, &found)) {
        return found;
    }
    const char *start = from->at;
    if (*from->at == '-') {
        from->at++;
    }
    bool zero = from->at < from->end && *from->at == '0';
    size_t count = 0;
    if (zero) {
        from->at++;
    } else {
        count = digits(from);
        if (!count) {
            fail(from);
            return found;
        }
    }
    found.whole = true;
    const char *whole = from->at;
    if (from->at < from->end && *from->at == '.') {
        from->at++;
        if (digits(from)) {
            found.whole = false;
            whole = from->at;
        } else {
            from->at = whole;
        }
    }
    if (from->at < from->end && (*from->at == 'e' || *from->at == 'E')) {
        from->at++;
        if (from->at < from->end && (*from->at == '+' || *from->at == '-')) {
            from->at++;
        }
        if (digits(from)) {
            found.whole = false;
            whole = from->at;
        }
        from->at = whole;
    }
    char copy[LONGEST_NUMBER + 1];
    size_t size = (size_t)(from->at - start);
    if (size > LONGEST_NUMBER) {
        fail(from);
        return found;
    }
    memcpy(copy, start, size);
    copy[size] = '\0';
    found.value = strtod(copy, NULL);
    if (found.whole) {
        found.whole = count <= 18;
        found.count = found.whole ? strtoll(copy, NULL, 10) : 0;
    }
    return found;
}

bool json_skip(struct json *from) {
    bool first = true;
    bool any = false;
    const char *start;
    switch (json_peek(from)) {
    case JSON_STRING:
        start = from->at;
        json_string(from, NULL);
        return from->at - start > 2;
    case JSON_LIST:
        json_enter(from, '[');
        while (!from->bad && json_more(from, ']', &first)) {
            any = true;
            json_skip(from);
        }
        return any;
    case JSON_OBJECT:
        json_enter(from, '{');
        while (!from->bad && json_more(from, '}', &first)) {
            any = true;
            json_string(from, NULL);
            if (next_byte(from) != ':') {
                fail(from);
                return any;
            }
            from->at++;
            json_skip(from);
        }
        return any;
    case JSON_TRUE:
        if (!word(from, "true")) {
            fail(from);
        }
        return true;
    case JSON_FALSE:
        if (!word(from, "false")) {
            fail(from);
        }
        return false;
    case JSON_NULL:
        if (!word(from, "null")) {
            fail(from);
        }
        return false;
    default: {
        struct json_number number = json_number(from);
        return number.value != 0;
    }
    }
}

bool json_done(struct json *from) {
    return next_byte(from) < 0 && !from->bad;
}

bool is_utf8(const char *data, size_t size) {
    size_t i = 0;
    while (i < size) {
        unsigned char lead = (unsigned char)data[i++];
        size_t more;
        if (lead < 0x80) {
            continue;
        }
        if (lead >= 0xC2 && lead <= 0xDF) {
            more = 1;
        } else if (lead >= 0xE0 && lead <= 0xEF) {
            more = 2;
        } else if (lead >= 0xF0 && lead <= 0xF4) {
            more = 3;
        } else {
            return false;
        }
        if (size - i < more) {
            return false;
        }
        unsigned char second = (unsigned char)data[i];
        if ((lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90) ||
            (lead == 0xF4 && second > 0x8F)) {
            return false;
        }
        for (size_t j = 0; j < more; j++) {
            if (((unsigned char)data[i + j] & 0xC0) != 0x80) {
                return false;
            }
        }
        i += more;
    }
    return true;
}
