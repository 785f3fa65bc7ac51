/* Feeds one part of the native shim from standard input, so that a test can compare what it does. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crc32.h"
#include "events.h"
#include "json_write.h"
#include "limit_groups.h"
#include "order.h"
#include "recorder.h"
#include "redact.h"
#include "words.h"

#define REFUSE 100 /* from here on the disk takes nothing */
#define ACCEPT 101

static struct text input;

static void read_input(void) {
    char step[65536];
    ssize_t got;
    while ((got = read(0, step, sizeof step)) > 0) {
        text_add(&input, step, (size_t)got);
    }
    text_add(&input, "", 0);
}

/* The next bytes of the input: a length in four bytes, and so many of them. */
static const char *take(size_t *at, size_t *size) {
    *size = get_u32((unsigned char *)input.at + *at);
    const char *data = input.at + *at + 4;
    *at += 4 + *size;
    return data;
}

/* Entries of a kind (1 byte), a time (8), and data; then what the recorder says of itself. */
static void record(const char *folder, uint64_t most) {
    struct recorder recorder;
    if (recorder_open(&recorder, folder, most)) {
        _exit(3);
    }
    char path[4096];
    snprintf(path, sizeof path, "%s/output", folder);
    int kept = -1;
    for (size_t at = 0; at < input.size;) {
        int kind = input.at[at];
        int64_t time = (int64_t)get_u64((unsigned char *)input.at + at + 1);
        size_t size;
        at += 9;
        const char *data = take(&at, &size);
        if (kind == REFUSE && kept < 0) {
            kept = recorder.fd;
            recorder.fd = open(path, O_RDONLY);
        } else if (kind == ACCEPT && kept >= 0) {
            close(recorder.fd);
            recorder.fd = kept;
            kept = -1;
        } else if (kind < REFUSE) {
            recorder_add(&recorder, kind, time, data, size);
        }
    }
    if (kept >= 0) {
        close(recorder.fd);
        recorder.fd = kept;
    }
    recorder_end(&recorder, 9);
    printf("%" PRIu64 " %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", recorder.size,
           recorder_checksum(&recorder), recorder.dropped, recorder.refused_line);
}

/* A count of secrets, the secrets, then pieces; each answer is a line of JSON. */
static void redact(void) {
    size_t at = 4;
    size_t count = get_u32((unsigned char *)input.at);
    struct text *secrets = grab(count * sizeof *secrets);
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const char *data = take(&at, &size);
        secrets[i] = (struct text){0};
        text_add(&secrets[i], data, size);
    }
    struct hidden hidden;
    hidden_make(&hidden, secrets, count);
    struct redactor redactor = {.hidden = &hidden};
    struct text out = {0};
    struct text shown = {0};
    while (at < input.size) {
        size_t size;
        const char *data = take(&at, &size);
        text_clear(&out);
        redact_feed(&redactor, data, size, &out);
        json_add_string(&shown, out.at, out.size);
        text_byte(&shown, '\n');
    }
    text_clear(&out);
    redact_end(&redactor, &out);
    json_add_string(&shown, out.at, out.size);
    fwrite(shown.at, 1, shown.size, stdout);
    for (size_t i = 0; i < count; i++) {
        text_free(&secrets[i]);
    }
    free(secrets);
    text_free(&redactor.held);
    text_free(&out);
    text_free(&shown);
}

static void add_texts(struct text *to, const struct texts *all) {
    text_byte(to, '[');
    for (size_t i = 0; i < all->count; i++) {
        text_word(to, i ? ", " : "");
        json_add_word(to, all->at[i]);
    }
    text_byte(to, ']');
}

static void add_sandbox(struct text *out, const struct sandbox *box) {
    text_byte(out, '[');
    json_add_word(out, box->network);
    const struct texts *const lists[] = {&box->read_only, &box->writable, &box->hidden};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        text_word(out, ", ");
        add_texts(out, lists[i]);
    }
    text_format(out, ", %" PRIu64 ", \"\", %u, ", box->tmp_bytes, box->uid);
    json_add_word(out, box->name);
    text_word(out, ", ");
    add_texts(out, &box->system);
    text_word(out, ", \"");
    for (size_t i = 0; i < box->filter.size; i++) {
        text_format(out, "%02x", (unsigned char)box->filter.at[i]);
    }
    text_word(out, "\"]");
}

/* An order, as a list in JSON; nothing if it makes no sense. */
static void decode_order(void) {
    struct order order;
    struct text out = {0};
    if (order_decode(input.at, input.size, true, &order)) {
        const struct bounds *b = &order.bounds;
        text_byte(&out, '[');
        json_add_word(&out, order.run);
        text_word(&out, ", ");
        add_texts(&out, &order.argv);
        text_word(&out, ", ");
        add_texts(&out, &order.environment);
        text_word(&out, ", ");
        json_add_word(&out, order.directory);
        text_word(&out, ", [");
        const double times[] = {b->seconds, b->grace_seconds, b->drain_seconds, b->most_seconds,
                                b->warn_seconds};
        for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
            json_add_double(&out, times[i]);
            text_word(&out, ", ");
        }
        text_format(&out, "%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %d, %" PRIu64 "], ",
                    b->output_bytes, b->processes, b->memory_bytes, b->open_files, b->file_bytes,
                    b->warn_signal, b->cpu_weight);
        json_add_word(&out, order.notifier);
        text_word(&out, ", ");
        json_add_word(&out, order.stdin_path);
        text_word(&out, ", [");
        for (size_t i = 0; i < order.hidden_count; i++) {
            text_word(&out, i ? ", " : "");
            json_add_string(&out, order.hidden[i].at, order.hidden[i].size);
        }
        text_word(&out, "], ");
        json_add_word(&out, order.flaw);
        if (order.sandbox.wanted) {
            text_word(&out, ", ");
            add_sandbox(&out, &order.sandbox);
        }
        text_byte(&out, ']');
    }
    fwrite(out.at == NULL ? "" : out.at, 1, out.size, stdout);
    order_free(&order);
    text_free(&out);
}

static void show_event(void *out, struct event event) {
    text_format(out, "[%d, ", (int)event.request);
    json_add_double(out, event.seconds);
    text_format(out, ", %d, %d]\n", event.signal, event.tree);
}

/* The sentence that a text becomes. */
static void sentence(void) {
    struct text out = {0};
    make_sentence(&input);
    json_add_string(&out, input.at, input.size);
    fwrite(out.at, 1, out.size, stdout);
    text_free(&out);
}

/* Where the groups of /proc/self/cgroup are, after two pieces: the mounts, and that file. */
static void locate(void) {
    struct text found[LIMIT_KINDS] = {0};
    struct text texts[2] = {0};
    struct text out = {0};
    size_t at = 0;
    for (int i = 0; i < 2; i++) {
        size_t size;
        const char *data = take(&at, &size);
        text_add(&texts[i], data, size);
    }
    limit_groups_locate(texts[0].at, texts[1].at, found);
    for (int kind = 0; kind < LIMIT_KINDS; kind++) {
        json_add_string(&out, found[kind].at, found[kind].size);
        text_byte(&out, '\n');
        text_free(&found[kind]);
    }
    fwrite(out.at, 1, out.size, stdout);
    text_free(&texts[0]);
    text_free(&texts[1]);
    text_free(&out);
}

int main(int count, char **words) {
    const char *mode = count > 1 ? words[1] : "";
    crc32_prepare();
    read_input();
    if (strcmp(mode, "record") == 0 && count == 4) {
        record(words[2], strtoull(words[3], NULL, 10));
    } else if (strcmp(mode, "redact") == 0) {
        redact();
    } else if (strcmp(mode, "order") == 0) {
        decode_order();
    } else if (strcmp(mode, "events") == 0 && count == 3) {
        struct text out = {0};
        uint64_t after = events_read(words[2], 0, show_event, &out);
        text_format(&out, "%" PRIu64 "\n", after);
        fwrite(out.at, 1, out.size, stdout);
        text_free(&out);
    } else if (strcmp(mode, "sentence") == 0) {
        sentence();
    } else if (strcmp(mode, "groups") == 0) {
        locate();
    } else {
        return 2;
    }
    text_free(&input);
    return 0;
}
