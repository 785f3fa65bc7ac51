/* Keeps secrets out of one stream: see engines/shim/redact.py. */
#ifndef NARTHEX_REDACT_H
#define NARTHEX_REDACT_H

#include "base.h"

/* What is to be hidden, the longest first; shared by the streams of a run. */
struct hidden {
    const struct text *at;
    size_t count;
    size_t longest;
    bool begins[256]; /* with which bytes one begins */
};

struct redactor {
    const struct hidden *hidden;
    struct text held; /* what could be the beginning of a secret */
};

void hidden_make(struct hidden *one, const struct text *secrets, size_t count);
/* What may be recorded now is added to `out`. */
void redact_feed(struct redactor *one, const char *data, size_t size, struct text *out);
/* What was held back, since no more will come. */
void redact_end(struct redactor *one, struct text *out);
/* A text by itself without secrets, in place. */
void redact_text(const struct hidden *hidden, struct text *one);

#endif
