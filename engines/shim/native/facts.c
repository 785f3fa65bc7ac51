/* What the files of a run directory say. */
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "json_read.h"
#include "json_write.h"
#include "run_dir.h"

#define TRIES 3600
#define MOST_WHOLE ((INT64_C(1) << 53) - 1)

struct ending ending_of(const char *kind, const char *message, const char *reason) {
    struct ending made = {.kind = kind, .exit_code = -1, .signal = -1, .reason = reason};
    text_word(&made.message, message);
    made.ended_ms = now_ms();
    return made;
}

static void add_number(struct text *to, const char *name, int value) {
    if (value < 0) {
        text_format(to, ", \"%s\": null", name);
    } else {
        text_format(to, ", \"%s\": %d", name, value);
    }
}

void encode_ending(const struct ending *ending, struct text *into) {
    text_word(into, "{\"kind\": ");
    json_add_word(into, ending->kind);
    add_number(into, "exit_code", ending->exit_code);
    add_number(into, "signal", ending->signal);
    text_word(into, ", \"message\": ");
    json_add_string(into, ending->message.at, ending->message.size);
    text_word(into, ", \"reason\": ");
    json_add_word(into, ending->reason);
    text_format(into, ", \"started_ms\": %" PRId64 ", \"ended_ms\": %" PRId64 ", \"seconds\": ",
                ending->started_ms, ending->ended_ms);
    json_add_seconds(into, ending->seconds);
    text_format(into,
                ", \"bytes\": %" PRIu64 ", \"checksum\": %" PRIu32 ", \"dropped\": %" PRIu64
                ", \"verified\": true, \"refused_line\": %" PRIu64 "}\n",
                ending->bytes, ending->checksum, ending->dropped, ending->refused_line);
}

void encode_shim(pid_t pid, unsigned long long start, const char *boot, const char *group,
                 struct text *into) {
    text_format(into, "{\"pid\": %d, \"start_time\": %llu, \"boot_id\": ", pid, start);
    json_add_word(into, boot);
    text_word(into, ", \"cgroup\": ");
    json_add_word(into, group);
    text_word(into, ", \"session\": \"\"}\n");
}

void encode_started(pid_t pid, int64_t started_ms, struct text *into) {
    text_format(into, "{\"pid\": %d, \"started_ms\": %" PRId64 "}\n", pid, started_ms);
}

/* The grace that a request names; false if the request makes no sense. */
static bool decode_kill(const struct text *data, double *grace) {
    if (!is_utf8(data->at, data->size)) {
        return false;
    }
    struct json from = json_of(data->at, data->size);
    struct text name = {0};
    bool first = true;
    bool timed = false;
    bool dated = false;
    bool named = true;
    json_enter(&from, '{');
    while (!from.bad && json_more(&from, '}', &first)) {
        json_name(&from, &name);
        enum json_kind kind = json_peek(&from);
        if (strcmp(name.at, "grace_seconds") == 0) {
            timed = kind == JSON_NUMBER;
            struct json_number value = {0};
            if (timed) {
                value = json_number(&from);
                timed = isfinite(value.value);
                *grace = value.value > 0 ? value.value : 0;
                *grace = *grace < (double)MOST_WHOLE ? *grace : (double)MOST_WHOLE;
            } else {
                json_skip(&from);
            }
        } else if (strcmp(name.at, "wished_ms") == 0) {
            dated = kind == JSON_NUMBER;
            if (dated) {
                struct json_number value = json_number(&from);
                dated = value.whole && value.count >= 0 && value.count <= MOST_WHOLE;
            } else {
                json_skip(&from);
            }
        } else {
            if (strcmp(name.at, "who") == 0) {
                named = kind == JSON_STRING;
            }
            json_skip(&from);
        }
    }
    bool good = json_done(&from) && timed && dated && named;
    text_free(&name);
    return good;
}

bool kill_requested(const char *folder, double otherwise, double *grace) {
    char *path = path_of(folder, "kill");
    struct text data = {0};
    bool asked = is_plain(path) == 1 && read_plain(path, &data);
    if (asked && !decode_kill(&data, grace)) {
        *grace = otherwise;
    }
    text_free(&data);
    free(path);
    return asked;
}

/* Gives a directory back the permissions that its owner took away. */
static void reopen(const char *folder) {
    int fd = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct stat facts;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fstat(fd, &facts) == 0 && (facts.st_mode & S_IRWXU) != S_IRWXU) {
        chmod(path, S_IRWXU);
    }
    close_quietly(fd);
}

void state_ending(const char *folder, const struct ending *ending) {
    struct text data = {0};
    encode_ending(ending, &data);
    for (int i = 0; i < TRIES; i++) {
        int failure = state_once(folder, "exit", &data);
        if (!failure || failure == EEXIST || failure == ENOENT) {
            break; /* stated, stated before, or nobody wants to know any more */
        }
        reopen(folder);
        struct timespec pause = {.tv_sec = 1};
        nanosleep(&pause, NULL);
    }
    text_free(&data);
}
