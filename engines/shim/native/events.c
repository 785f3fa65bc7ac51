/* The file of requests of a run. */
#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json_read.h"
#include "json_write.h"
#include "run_dir.h"

#define FILE_NAME "events"
#define MOST_BYTES ((off_t)1 << 20)
#define MOST_TAGS 64
#define MOST_WHOLE ((INT64_C(1) << 53) - 1)
#define MOST_SIGNALS 128

/* Takes a value that must be of a kind. */
static void expect(struct json *from, enum json_kind kind) {
    if (json_peek(from) != kind) {
        from->bad = true;
    }
    json_skip(from);
}

/* Takes a list of texts; those beyond the bound may be anything. */
static void expect_words(struct json *from) {
    bool first = true;
    if (json_peek(from) != JSON_LIST) {
        from->bad = true;
        return;
    }
    json_enter(from, '[');
    for (int i = 0; !from->bad && json_more(from, ']', &first); i++) {
        if (i < MOST_TAGS) {
            expect(from, JSON_STRING);
        } else {
            json_skip(from);
        }
    }
}

static int64_t whole(struct json *from) {
    if (json_peek(from) != JSON_NUMBER) {
        from->bad = true;
        return 0;
    }
    struct json_number found = json_number(from);
    if (!found.whole || found.count < 0 || found.count > MOST_WHOLE) {
        from->bad = true;
    }
    return found.count;
}

static double seconds(struct json *from) {
    if (json_peek(from) != JSON_NUMBER) {
        from->bad = true;
        return 0;
    }
    struct json_number found = json_number(from);
    if (!isfinite(found.value)) {
        from->bad = true;
    }
    double value = found.value > 0 ? found.value : 0;
    return value < (double)MOST_WHOLE ? value : (double)MOST_WHOLE;
}

static enum request request_of(const struct text *word) {
    static const char *const names[] = {
        [REQUEST_SUSPEND] = "suspend", [REQUEST_RESUME] = "resume",
        [REQUEST_LIMIT] = "limit",     [REQUEST_SIGNAL] = "signal",
    };
    for (int i = REQUEST_SUSPEND; i <= REQUEST_SIGNAL; i++) {
        if (word->size == strlen(names[i]) && memcmp(word->at, names[i], word->size) == 0) {
            return (enum request)i;
        }
    }
    return REQUEST_NONE;
}

struct event event_decode(const char *line, size_t size) {
    struct event made = {0};
    struct json from = json_of(line, size);
    struct text name = {0};
    struct text word = {0};
    bool first = true;
    bool named = false;
    bool dated = false;
    if (!is_utf8(line, size)) {
        return made;
    }
    json_enter(&from, '{');
    while (!from.bad && json_more(&from, '}', &first)) {
        json_name(&from, &name);
        if (strcmp(name.at, "event") == 0) {
            named = true;
            text_clear(&word);
            if (json_peek(&from) != JSON_STRING) {
                from.bad = true;
            } else {
                json_string(&from, &word);
            }
        } else if (strcmp(name.at, "at_ms") == 0) {
            dated = true;
            whole(&from);
        } else if (strcmp(name.at, "seconds") == 0) {
            made.seconds = seconds(&from);
        } else if (strcmp(name.at, "signal") == 0) {
            int64_t number = whole(&from);
            made.signal = number < MOST_SIGNALS ? (int)number : -1;
        } else if (strcmp(name.at, "tree") == 0) {
            made.tree = json_skip(&from);
        } else if (strcmp(name.at, "tags") == 0 || strcmp(name.at, "removed") == 0) {
            expect_words(&from);
        } else if (strcmp(name.at, "who") == 0 || strcmp(name.at, "note") == 0 ||
                   strcmp(name.at, "id") == 0) {
            expect(&from, JSON_STRING);
        } else {
            json_skip(&from);
        }
    }
    if (json_done(&from) && named && dated) {
        made.request = request_of(&word);
    }
    text_free(&name);
    text_free(&word);
    return made;
}

uint64_t events_read(const char *folder, uint64_t offset, void (*take)(void *, struct event),
                     void *with) {
    char *path = path_of(folder, FILE_NAME);
    struct stat facts;
    bool grown = stat(path, &facts) == 0 && (uint64_t)facts.st_size > offset;
    int fd = grown ? open_plain(path, O_RDONLY) : -1;
    free(path);
    if (fd < 0) {
        return offset;
    }
    size_t room = fstat(fd, &facts) == 0 && (uint64_t)facts.st_size > offset
                      ? (size_t)((uint64_t)facts.st_size - offset)
                      : 0;
    room = room < 4 * MOST_BYTES ? room : 4 * MOST_BYTES;
    char *data = grab(room);
    ssize_t got = room ? pread(fd, data, room, (off_t)offset) : 0;
    close_quietly(fd);
    size_t size = got > 0 ? (size_t)got : 0;
    size_t start = 0;
    char *feed;
    while (start < size && (feed = memchr(data + start, '\n', size - start)) != NULL) {
        size_t length = (size_t)(feed - data) - start;
        struct event event = event_decode(data + start, length);
        if (event.request != REQUEST_NONE) {
            take(with, event);
        }
        start += length + 1;
    }
    free(data);
    return offset + start;
}

void event_note(const char *folder, const char *said, int signal, bool tree, const char *note) {
    char *path = path_of(folder, FILE_NAME);
    int fd = open_plain(path, O_RDWR | O_APPEND | O_CREAT);
    free(path);
    struct stat facts;
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &facts) == 0 && facts.st_size <= 2 * MOST_BYTES) {
        struct text line = {0};
        char last = '\n';
        if (facts.st_size && pread(fd, &last, 1, facts.st_size - 1) == 1 && last != '\n') {
            text_byte(&line, '\n'); /* a line before it that was cut short stays by itself */
        }
        text_word(&line, "{\"event\": ");
        json_add_word(&line, said);
        text_format(&line, ", \"at_ms\": %" PRId64, now_ms());
        if (signal) {
            text_format(&line, ", \"signal\": %d", signal);
        }
        if (tree) {
            text_word(&line, ", \"tree\": true");
        }
        if (note[0]) {
            text_word(&line, ", \"note\": ");
            json_add_word(&line, note);
        }
        text_word(&line, "}\n");
        if (write(fd, line.at, line.size) < 0) {
            errno = 0; /* an account only: a full disk does not matter */
        }
        text_free(&line);
    }
    close_quietly(fd);
}
