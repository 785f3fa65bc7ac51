/* Decodes what the launcher tells a shim. */
#include "order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "json_read.h"

#define MOST_BYTES (1 << 28)
#define NUL_IN_WORD "embedded null byte"
#define NUL_IN_PROGRAM "execve: embedded null character in path"
#define NUL_IN_DIRECTORY "chdir: embedded null character in path"
#define NUL_IN_INPUT "open: embedded null character in path"
#define NUL_IN_SANDBOX "sandbox: embedded null character"
#define FILTER_STEP 16 /* the digits of one step of a filter */
#define MOST_FILTER (1 << 16)
#define MOST_UID 0xFFFFFFFFULL
#define BAD_NAME "illegal environment variable name"
#define HALF "'utf-8' codec can't encode a character: surrogates not allowed"

static void flaw(struct order *into, const char *why) {
    if (!into->flaw[0]) {
        snprintf(into->flaw, sizeof into->flaw, "%s", why);
    }
}

static void texts_add(struct texts *to, char *one) {
    if (to->count + 2 > to->room) {
        to->room = to->room ? to->room * 2 : 16;
        to->at = grab_more(to->at, to->room * sizeof *to->at);
    }
    to->at[to->count++] = one;
    to->at[to->count] = NULL;
}

static void texts_free(struct texts *one) {
    for (size_t i = 0; i < one->count; i++) {
        free(one->at[i]);
    }
    free(one->at);
    *one = (struct texts){0};
}

/* A text as C has it; one that holds a NUL or half a character cannot be meant. */
static char *word(struct json *from, struct order *into, const char *nul) {
    struct text found = {0};
    text_add(&found, "", 0);
    if (!json_string(from, &found)) {
        flaw(into, HALF);
    }
    if (memchr(found.at, '\0', found.size) != NULL) {
        flaw(into, nul);
    }
    return found.at;
}

static void next(struct json *from, bool *first) {
    if (!json_more(from, ']', first)) {
        from->bad = true;
    }
}

static void argv_decode(struct json *from, struct order *into) {
    bool first = true;
    json_enter(from, '[');
    while (!from->bad && json_more(from, ']', &first)) {
        texts_add(&into->argv, word(from, into, into->argv.count ? NUL_IN_WORD : NUL_IN_PROGRAM));
    }
    if (!into->argv.count) {
        flaw(into, "list index out of range");
    } else if (!into->argv.at[0][0]) {
        flaw(into, "execve: argv first element cannot be empty");
    }
}

static void environment_decode(struct json *from, struct order *into) {
    struct text name = {0};
    bool first = true;
    json_enter(from, '{');
    while (!from->bad && json_more(from, '}', &first)) {
        json_name(from, &name);
        if (memchr(name.at, '\0', name.size) != NULL) {
            flaw(into, NUL_IN_WORD);
        } else if (!name.size || memchr(name.at, '=', name.size) != NULL) {
            flaw(into, BAD_NAME);
        }
        char *value = word(from, into, NUL_IN_WORD);
        struct text joined = {0};
        text_format(&joined, "%s=%s", name.at, value);
        free(value);
        texts_add(&into->environment, joined.at);
    }
    text_free(&name);
}

static struct json_number number(struct json *from, bool *first) {
    next(from, first);
    if (from->bad || json_peek(from) != JSON_NUMBER) {
        from->bad = true;
        return (struct json_number){0};
    }
    return json_number(from);
}

static double seconds(struct json *from, bool *first) {
    double value = number(from, first).value;
    return value > 0 ? value : 0; /* what is no number is no limit */
}

static uint64_t count(struct json *from, bool *first) {
    struct json_number found = number(from, first);
    if (found.whole) {
        return found.count > 0 ? (uint64_t)found.count : 0;
    }
    return found.value > 0 && found.value < 9e18 ? (uint64_t)found.value : 0;
}

static void bounds_decode(struct json *from, struct order *order, struct bounds *into) {
    bool first = true;
    json_enter(from, '[');
    into->seconds = seconds(from, &first);
    struct json_number grace = number(from, &first);
    into->grace_seconds = grace.value > 0 ? grace.value : 0;
    into->grace_whole = grace.whole;
    into->output_bytes = count(from, &first);
    into->drain_seconds = seconds(from, &first);
    into->processes = count(from, &first);
    into->memory_bytes = count(from, &first);
    into->open_files = count(from, &first);
    into->file_bytes = count(from, &first);
    into->most_seconds = seconds(from, &first);
    uint64_t warning = count(from, &first);
    into->warn_signal = warning < 1000 ? (int)warning : 0;
    into->warn_seconds = seconds(from, &first);
    into->cpu_weight = count(from, &first);
    next(from, &first);
    into->user = word(from, order, "the user of a run holds a NUL");
    from->bad = from->bad || strchr(into->user, '/') != NULL;
    into->user_processes = count(from, &first);
    into->user_memory_bytes = count(from, &first);
    into->user_cpu_weight = count(from, &first);
    while (!from->bad && json_more(from, ']', &first)) {
        json_skip(from);
    }
}

static void hidden_decode(struct json *from, struct order *into) {
    bool first = true;
    json_enter(from, '[');
    while (!from->bad && json_more(from, ']', &first)) {
        struct text one = {0};
        json_string(from, &one);
        if (one.size) {
            size_t wanted = (into->hidden_count + 1) * sizeof *into->hidden;
            into->hidden = grab_more(into->hidden, wanted);
            into->hidden[into->hidden_count++] = one;
        } else {
            text_free(&one);
        }
    }
}

static void paths_decode(struct json *from, struct order *into, struct texts *to) {
    bool first = true;
    json_enter(from, '[');
    while (!from->bad && json_more(from, ']', &first)) {
        char *path = word(from, into, NUL_IN_SANDBOX);
        from->bad = from->bad || path[0] != '/';
        texts_add(to, path);
    }
}

static void filter_decode(struct json *from, struct text *into) {
    struct text written = {0};
    text_add(&written, "", 0);
    json_string(from, &written);
    from->bad = from->bad || written.size % FILTER_STEP != 0 || written.size > MOST_FILTER;
    for (size_t i = 0; i + 1 < written.size && !from->bad; i += 2) {
        unsigned byte = 0;
        from->bad = sscanf(written.at + i, "%2x", &byte) != 1;
        text_byte(into, (char)byte);
    }
    text_free(&written);
}

/* False for one into which something is to be let later: there is no door to it. */
static bool sandbox_decode(struct json *from, struct order *into) {
    struct sandbox *box = &into->sandbox;
    bool first = true;
    box->wanted = true;
    json_enter(from, '[');
    next(from, &first);
    box->network = word(from, into, NUL_IN_SANDBOX);
    struct texts *const lists[] = {&box->read_only, &box->writable, &box->hidden};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        next(from, &first);
        paths_decode(from, into, lists[i]);
    }
    box->tmp_bytes = count(from, &first);
    next(from, &first);
    char *later = word(from, into, NUL_IN_SANDBOX);
    bool sound = !later[0];
    free(later);
    uint64_t uid = count(from, &first);
    box->uid = (unsigned)uid;
    next(from, &first);
    box->name = word(from, into, NUL_IN_SANDBOX);
    next(from, &first);
    paths_decode(from, into, &box->system);
    next(from, &first);
    filter_decode(from, &box->filter);
    return sound && uid < MOST_UID && !json_more(from, ']', &first);
}

char *order_data(int message, size_t *size) {
    struct stat facts;
    if (fstat(message, &facts) < 0 || facts.st_size <= 0 || facts.st_size > MOST_BYTES) {
        return NULL;
    }
    *size = (size_t)facts.st_size;
    char *data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, message, 0);
    return data == MAP_FAILED ? NULL : data;
}

bool order_decode(const char *data, size_t size, bool task, struct order *into) {
    struct json from = json_of(data, size);
    bool first = true;
    *into = (struct order){0};
    json_enter(&from, '[');
    next(&from, &first);
    into->run = word(&from, into, "the path of a run holds a NUL");
    bool sound = !into->flaw[0] && into->run[0] == '/';
    next(&from, &first);
    if (task) {
        argv_decode(&from, into);
        next(&from, &first);
        environment_decode(&from, into);
    } else {
        json_skip(&from);
        next(&from, &first);
        json_skip(&from);
    }
    next(&from, &first);
    into->directory = word(&from, into, NUL_IN_DIRECTORY);
    next(&from, &first);
    bounds_decode(&from, into, &into->bounds);
    next(&from, &first);
    into->notifier = word(&from, into, "");
    next(&from, &first);
    json_skip(&from); /* the secrets as they are: what they look like in output comes below */
    next(&from, &first);
    into->stdin_path = word(&from, into, NUL_IN_INPUT);
    next(&from, &first);
    hidden_decode(&from, into);
    if (json_more(&from, ']', &first)) {
        /* Better no task than one with other walls than those that were meant. */
        sound = sandbox_decode(&from, into) && !json_more(&from, ']', &first) && sound;
    }
    return json_done(&from) && sound;
}

void order_free(struct order *one) {
    free(one->run);
    texts_free(&one->argv);
    texts_free(&one->environment);
    free(one->directory);
    free(one->bounds.user);
    free(one->notifier);
    free(one->stdin_path);
    for (size_t i = 0; i < one->hidden_count; i++) {
        text_free(&one->hidden[i]);
    }
    free(one->hidden);
    free(one->sandbox.network);
    free(one->sandbox.name);
    texts_free(&one->sandbox.read_only);
    texts_free(&one->sandbox.writable);
    texts_free(&one->sandbox.hidden);
    texts_free(&one->sandbox.system);
    text_free(&one->sandbox.filter);
    *one = (struct order){0};
}

const char *variable(const struct order *order, const char *name) {
    size_t size = strlen(name);
    for (size_t i = 0; i < order->environment.count; i++) {
        const char *entry = order->environment.at[i];
        if (strncmp(entry, name, size) == 0 && entry[size] == '=') {
            return entry + size + 1;
        }
    }
    return NULL;
}
