/* Sentences and names for people. */
#include "words.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "json_write.h"
#include "words_errors.h"

#define MOST_BYTES 4096
#define MORE " ..."

static const struct {
    int number;
    const char *name;
} errors[] = {ERROR_NAMES};

static const char *const signals[] = {
    [SIGHUP] = "HUP",     [SIGINT] = "INT",     [SIGQUIT] = "QUIT", [SIGILL] = "ILL",
    [SIGTRAP] = "TRAP",   [SIGABRT] = "ABRT",   [SIGBUS] = "BUS",   [SIGFPE] = "FPE",
    [SIGKILL] = "KILL",   [SIGUSR1] = "USR1",   [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",
    [SIGPIPE] = "PIPE",   [SIGALRM] = "ALRM",   [SIGTERM] = "TERM", [SIGCHLD] = "CHLD",
    [SIGCONT] = "CONT",   [SIGSTOP] = "STOP",   [SIGTSTP] = "TSTP", [SIGTTIN] = "TTIN",
    [SIGTTOU] = "TTOU",   [SIGURG] = "URG",     [SIGXCPU] = "XCPU", [SIGXFSZ] = "XFSZ",
    [SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF", [SIGWINCH] = "WINCH", [SIGIO] = "IO",
    [SIGPWR] = "PWR",     [SIGSYS] = "SYS",
#ifdef SIGSTKFLT
    [SIGSTKFLT] = "STKFLT",
#endif
};

const char *error_name(int number) {
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (errors[i].number == number) {
            return errors[i].name;
        }
    }
    return "";
}

void add_signal_name(struct text *to, int number) {
    text_format(to, "signal %d", number);
    if (number > 0 && (size_t)number < sizeof signals / sizeof *signals && signals[number] != NULL) {
        text_format(to, " (SIG%s)", signals[number]);
    } else if (number == SIGRTMIN || number == SIGRTMAX) {
        text_format(to, " (SIGRT%s)", number == SIGRTMIN ? "MIN" : "MAX");
    }
}

/* Whether Python shows a character beyond ASCII as it is: all but blanks, marks of direction,
 * halves and characters of private use. Those without a meaning yet are taken for letters. */
static bool is_shown(uint32_t code) {
    static const uint32_t hidden[][2] = {
        {0x7F, 0xA0},     {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},
        {0x6DD, 0x6DD},   {0x70F, 0x70F},     {0x1680, 0x1680},   {0x180E, 0x180E},
        {0x2000, 0x200F}, {0x2028, 0x202F},   {0x205F, 0x206F},   {0x3000, 0x3000},
        {0xD800, 0xF8FF}, {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF},
        {0xE0000, 0xE00FF}, {0xE01F0, 0x10FFFF},
    };
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        if (code >= hidden[i][0] && code <= hidden[i][1]) {
            return false;
        }
    }
    return true;
}

/* A path in quotes, as Python's repr writes it. */
static void add_quoted(struct text *to, const char *path) {
    char quote = strchr(path, '\'') != NULL && strchr(path, '"') == NULL ? '"' : '\'';
    size_t size = strlen(path);
    text_byte(to, quote);
    for (size_t i = 0, length; i < size; i += length) {
        uint32_t code = next_character(path + i, size - i, &length);
        if (code == (unsigned char)quote || code == '\\') {
            text_byte(to, '\\');
            text_byte(to, (char)code);
        } else if (code == '\n' || code == '\r' || code == '\t') {
            text_byte(to, '\\');
            text_byte(to, code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
        } else if (code >= 0x20 && is_shown(code)) {
            text_add(to, path + i, length);
        } else {
            text_format(to, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
        }
    }
    text_byte(to, quote);
}

/* The same for a path that was put together of PATH, which Python has as bytes. */
static void add_quoted_bytes(struct text *to, const char *path) {
    char quote = strchr(path, '\'') != NULL && strchr(path, '"') == NULL ? '"' : '\'';
    text_byte(to, 'b');
    text_byte(to, quote);
    for (; *path; path++) {
        unsigned char byte = (unsigned char)*path;
        if (byte == '\t' || byte == '\n' || byte == '\r') {
            text_word(to, byte == '\t' ? "\\t" : byte == '\n' ? "\\n" : "\\r");
        } else if (byte < 0x20 || byte >= 0x7F) {
            text_format(to, "\\x%02x", byte);
        } else {
            if (byte == '\\' || byte == (unsigned char)quote) {
                text_byte(to, '\\');
            }
            text_byte(to, (char)byte);
        }
    }
    text_byte(to, quote);
}

void add_search_error(struct text *to, int number, const char *path) {
    add_error(to, number, NULL);
    text_word(to, ": ");
    add_quoted_bytes(to, path);
}

void add_error(struct text *to, int number, const char *path) {
    text_format(to, "[Errno %d] %s", number, strerror(number));
    if (path != NULL) {
        text_word(to, ": ");
        add_quoted(to, path);
    }
}

static bool is_space(uint32_t code) {
    return code == ' ' || (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x1F) ||
           code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
           code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

/* Where the first line begins that is not blank, and where its last visible character ends. */
static void first_line(const struct text *one, size_t *start, size_t *end) {
    size_t length;
    size_t at = 0;
    while (at < one->size && is_space(next_character(one->at + at, one->size - at, &length))) {
        at += length;
    }
    *start = *end = at;
    for (; at < one->size && one->at[at] != '\n'; at += length) {
        if (!is_space(next_character(one->at + at, one->size - at, &length))) {
            *end = at + length;
        }
    }
}

void make_sentence(struct text *one) {
    struct text clean = {0};
    size_t start;
    size_t end;
    first_line(one, &start, &end);
    size_t count = 0;
    for (size_t i = start, length; i < end; i += length) {
        uint32_t code = next_character(one->at + i, end - i, &length);
        if (code >= 0xD800 && code <= 0xDFFF) {
            text_format(&clean, "\\u%04x", code);
            count += 6;
        } else if ((code < 0x20 && code != '\t') || (code >= 0x7F && code <= 0x9F)) {
            text_format(&clean, "\\x%02x", code);
            count += 4;
        } else {
            text_add(&clean, one->at + i, length);
            count++;
        }
    }
    if (count > MOST_BYTES / 4 && clean.size > MOST_BYTES) {
        size_t cut = MOST_BYTES - (sizeof MORE - 1);
        while (cut > 0 && ((unsigned char)clean.at[cut] & 0xC0) == 0x80) {
            cut--;
        }
        clean.size = cut;
        text_word(&clean, MORE);
    }
    text_free(one);
    *one = clean;
    text_add(one, "", 0);
}
