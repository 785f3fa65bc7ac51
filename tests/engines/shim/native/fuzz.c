/* What a fuzzer feeds to the parts of the native shim that read what others wrote.
 *
 * NARTHEX_FUZZ names the part, NARTHEX_FUZZ_FOLDER a folder for the files that it needs. Beside
 * the sanitizers these look: the file against the account, and cut text against whole text. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32.h"
#include "events.h"
#include "facts.h"
#include "order.h"
#include "recorder.h"
#include "redact.h"
#include "words.h"

#define MOST_SECRETS 4
#define REFUSE 6
#define ACCEPT 7

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char *folder;
static void (*fed)(const unsigned char *data, size_t size);

static void hold(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

/* The next byte of the input, 0 behind its end. */
static unsigned char next(const unsigned char **at, const unsigned char *end) {
    return *at < end ? *(*at)++ : 0;
}

/* The next so many bytes, or what is left. */
static const unsigned char *take(const unsigned char **at, const unsigned char *end, size_t *size) {
    const unsigned char *from = *at;
    *size = *size < (size_t)(end - from) ? *size : (size_t)(end - from);
    *at += *size;
    return from;
}

static void write_all(const char *name, const unsigned char *data, size_t size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    hold(fd >= 0 && write(fd, data, size) == (ssize_t)size, "the folder takes a file");
    close(fd);
}

/* An order, as the shim and as the task read it: of what both read they know the same. */
static void feed_order(const unsigned char *data, size_t size) {
    struct order shim;
    struct order task;
    bool known = order_decode((const char *)data, size, false, &shim);
    if (order_decode((const char *)data, size, true, &task)) {
        hold(known, "what is an order for the task is one for the shim");
        hold(strcmp(shim.run, task.run) == 0, "both have the same run");
        hold(shim.hidden_count == task.hidden_count, "both hide the same");
        hold(shim.sandbox.wanted == task.sandbox.wanted, "both know of a sandbox");
        hold(shim.sandbox.wanted || !task.sandbox.read_only.count, "without one nothing is shown");
        variable(&task, "PATH");
    }
    order_free(&shim);
    order_free(&task);
}

static void count_event(void *with, struct event event) {
    hold(event.request != REQUEST_NONE && event.signal < 128, "an event is a request");
    *(size_t *)with += 1;
}

/* The file of requests, and the request for a kill. */
static void feed_requests(const unsigned char *data, size_t size) {
    size_t found = 0;
    double grace = 1;
    write_all("events", data, size);
    write_all("kill", data, size);
    hold(events_read(folder, 0, count_event, &found) <= size, "no more is read than there is");
    hold(kill_requested(folder, 3, &grace) && grace >= 0, "a file is a request, with a grace");
}

/* Whether a file is what its account says, records from the first byte to the last. */
static void look_at(const struct recorder *recorder, const char *path) {
    struct text file = {0};
    struct stat facts;
    uint32_t sum = 0;
    hold(read_file(path, &file, (size_t)1 << 30), "the output can be read");
    hold(stat(path, &facts) == 0 && (uint64_t)facts.st_size == recorder->size, "its size is known");
    sum = crc32_of(sum, file.at, file.size);
    if (!recorder->end) {
        struct header header;
        size_t at = 0;
        hold(recorder_checksum(recorder) == sum, "its checksum is known");
        while (at + HEADER_SIZE <= file.size &&
               header_decode((unsigned char *)file.at + at, &header)) {
            at += HEADER_SIZE + header.size;
        }
        hold(at == file.size, "it consists of records");
    }
    text_free(&file);
}

/* Reads of two streams at some times, with a disk that refuses at times. */
static void feed_recorder(const unsigned char *data, size_t size) {
    static const uint64_t caps[] = {0, 0, 1, 40, 100, 400, 1000, 5000};
    const unsigned char *at = data;
    const unsigned char *end = data + size;
    struct recorder recorder;
    char path[4096];
    int kept = -1;
    int64_t time_ms = 0;
    uint64_t most = caps[next(&at, end) % (sizeof caps / sizeof *caps)];
    snprintf(path, sizeof path, "%s/output", folder);
    hold(recorder_open(&recorder, folder, most) == 0, "the output can be made");
    while (at < end) {
        int kind = next(&at, end) % 8;
        time_ms += next(&at, end);
        if (kind == REFUSE && kept < 0) {
            kept = recorder.fd;
            recorder.fd = open(path, O_RDONLY | O_CLOEXEC);
        } else if (kind == ACCEPT && kept >= 0) {
            close(recorder.fd);
            recorder.fd = kept;
            kept = -1;
        } else if (kind < REFUSE) {
            size_t length = next(&at, end);
            const unsigned char *said = take(&at, end, &length);
            if (length) {
                recorder_add(&recorder, kind % 2 ? OUT : ERR, time_ms, (const char *)said, length);
            }
        }
    }
    if (kept >= 0) {
        close(recorder.fd);
        recorder.fd = kept;
    }
    recorder_end(&recorder, time_ms);
    look_at(&recorder, path);
}

static bool is_longer(const struct text *one, const struct text *other) {
    return one->size > other->size;
}

/* Secrets, then text: it comes out alike, whole or cut anywhere. */
static void feed_redaction(const unsigned char *data, size_t size) {
    const unsigned char *at = data;
    const unsigned char *end = data + size;
    struct text secrets[MOST_SECRETS] = {0};
    size_t count = 0;
    for (unsigned char wanted = next(&at, end) % (MOST_SECRETS + 1); wanted; wanted--) {
        size_t length = 1 + next(&at, end) % 16;
        const unsigned char *secret = take(&at, end, &length);
        if (length) {
            text_add(&secrets[count++], secret, length);
        }
    }
    for (size_t i = 1; i < count; i++) {
        for (size_t j = i; j && is_longer(&secrets[j], &secrets[j - 1]); j--) {
            struct text moved = secrets[j];
            secrets[j] = secrets[j - 1];
            secrets[j - 1] = moved;
        }
    }
    struct hidden hidden;
    hidden_make(&hidden, secrets, count);
    struct redactor whole = {.hidden = &hidden};
    struct redactor cut = {.hidden = &hidden};
    struct text at_once = {0};
    struct text in_pieces = {0};
    text_add(&at_once, "", 0);
    text_add(&in_pieces, "", 0);
    size_t step = 1 + next(&at, end) % 8;
    redact_feed(&whole, (const char *)at, (size_t)(end - at), &at_once);
    redact_end(&whole, &at_once);
    while (at < end) {
        size_t length = step;
        const unsigned char *said = take(&at, end, &length);
        redact_feed(&cut, (const char *)said, length, &in_pieces);
    }
    redact_end(&cut, &in_pieces);
    hold(at_once.size == in_pieces.size && !memcmp(at_once.at, in_pieces.at, at_once.size),
         "cut text comes out as whole text does");
    for (size_t i = 0; i < count; i++) {
        text_free(&secrets[i]);
    }
    text_free(&whole.held);
    text_free(&cut.held);
    text_free(&at_once);
    text_free(&in_pieces);
}

/* A text that becomes a sentence, and the sentence again. */
static void feed_sentence(const unsigned char *data, size_t size) {
    struct text one = {0};
    text_add(&one, data, size);
    make_sentence(&one);
    hold(memchr(one.at, '\n', one.size) == NULL, "a sentence is one line");
    text_free(&one);
}

int LLVMFuzzerInitialize(int *count, char ***words) {
    static const struct {
        const char *name;
        void (*feed)(const unsigned char *data, size_t size);
    } parts[] = {
        {"order", feed_order},         {"requests", feed_requests}, {"recorder", feed_recorder},
        {"redaction", feed_redaction}, {"sentence", feed_sentence},
    };
    const char *name = getenv("NARTHEX_FUZZ");
    (void)count;
    (void)words;
    folder = getenv("NARTHEX_FUZZ_FOLDER");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (name != NULL && strcmp(name, parts[i].name) == 0) {
            fed = parts[i].feed;
        }
    }
    hold(fed != NULL && folder != NULL, "a part and a folder are named");
    crc32_prepare();
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    fed(data, size);
    return 0;
}
