/* Writes JSON as Python's json.dumps does. */
#include "json_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"

#define MOST_DIGITS 17
#define FIRST_EXPONENT (-4)
#define LAST_EXPONENT 16

uint32_t next_character(const char *data, size_t size, size_t *length) {
    unsigned char lead = (unsigned char)data[0];
    *length = 1;
    if (lead < 0x80) {
        return lead;
    }
    size_t whole = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || whole > size || !is_utf8(data, whole)) {
        return 0xDC00U + lead;
    }
    uint32_t code = lead & (0xFFU >> (whole + 1));
    for (size_t i = 1; i < whole; i++) {
        code = code << 6 | ((unsigned char)data[i] & 0x3FU);
    }
    if (code >= 0xD800 && code <= 0xDFFF) {
        return 0xDC00U + lead;
    }
    *length = whole;
    return code;
}

static void add_code(struct text *to, uint32_t code) {
    if (code > 0xFFFF) {
        code -= 0x10000;
        text_format(to, "\\u%04x\\u%04x", 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF));
    } else {
        text_format(to, "\\u%04x", code);
    }
}

void json_add_string(struct text *to, const char *data, size_t size) {
    static const char special[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    text_byte(to, '"');
    for (size_t i = 0, length; i < size; i += length) {
        uint32_t code = next_character(data + i, size - i, &length);
        const char *found = code && code < 0x80 ? strchr(special, (int)code) : NULL;
        if (found != NULL) {
            text_byte(to, '\\');
            text_byte(to, names[found - special]);
        } else if (code >= 0x20 && code < 0x80) {
            text_byte(to, (char)code);
        } else {
            add_code(to, code);
        }
    }
    text_byte(to, '"');
}

void json_add_word(struct text *to, const char *word) {
    json_add_string(to, word, strlen(word));
}

void json_add_double(struct text *to, double value) {
    if (!isfinite(value)) {
        text_word(to, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    char shown[64];
    int digits = 1;
    do {
        snprintf(shown, sizeof shown, "%.*e", digits - 1, value);
    } while (strtod(shown, NULL) != value && ++digits <= MOST_DIGITS);
    char *mark = strchr(shown, 'e');
    int exponent = atoi(mark + 1);
    if (exponent < FIRST_EXPONENT || exponent >= LAST_EXPONENT) {
        text_add(to, shown, (size_t)(mark - shown));
        text_format(to, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    int places = digits - 1 - exponent;
    text_format(to, "%.*f", places > 1 ? places : 1, value);
}

void json_add_seconds(struct text *to, double value) {
    char shown[400];
    snprintf(shown, sizeof shown, "%.6f", value);
    json_add_double(to, strtod(shown, NULL));
}
