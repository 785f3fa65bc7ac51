/* Sentences and names for people: errors, signals, and texts made fit to be kept. */
#ifndef NARTHEX_WORDS_H
#define NARTHEX_WORDS_H

#include "base.h"

/* The name of an errno such as ENOENT, empty if it has none. */
const char *error_name(int number);
/* "signal 15 (SIGTERM)". */
void add_signal_name(struct text *to, int number);
/* What Python says of an OSError: "[Errno 2] No such file or directory", with a path if given. */
void add_error(struct text *to, int number, const char *path);
/* The same for a program that was searched for. */
void add_search_error(struct text *to, int number, const char *path);
/* The first line of a text without what no reader wants, cut to what is kept. In place. */
void make_sentence(struct text *one);

#endif
