/* Writes JSON as Python's json.dumps does, byte for byte. */
#ifndef NARTHEX_JSON_WRITE_H
#define NARTHEX_JSON_WRITE_H

#include "base.h"

/* A string with its quotes; bytes that are no UTF-8 stand as half characters. */
void json_add_string(struct text *to, const char *data, size_t size);
void json_add_word(struct text *to, const char *word);
/* A float with the fewest digits that mean it. */
void json_add_double(struct text *to, double value);
/* A number of seconds rounded to six digits. */
void json_add_seconds(struct text *to, double value);
/* The next character of UTF-8 and its length; one byte as DC80..DCFF if it is none. */
uint32_t next_character(const char *data, size_t size, size_t *length);

#endif
