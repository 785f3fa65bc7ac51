/* Bytes that grow, lists of process ids, clocks and small files. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void end_process(void) {
    _exit(1);
}

void (*when_out_of_memory)(void) = end_process;

static void *checked(void *found) {
    if (found == NULL) {
        when_out_of_memory();
        _exit(1);
    }
    return found;
}

void *grab(size_t size) {
    return checked(malloc(size ? size : 1));
}

void *grab_more(void *old, size_t size) {
    return checked(realloc(old, size ? size : 1));
}

static void text_reserve(struct text *one, size_t more) {
    size_t wanted = one->size + more + 1;
    if (wanted <= one->size) { /* it went around */
        when_out_of_memory();
        _exit(1);
    }
    if (wanted > one->room) {
        size_t room = one->room + one->room / 2;
        room = room < wanted ? wanted : room;
        room = room < 64 ? 64 : room;
        one->at = grab_more(one->at, room);
        one->room = room;
    }
}

void text_add(struct text *to, const void *data, size_t size) {
    text_reserve(to, size);
    if (size) {
        memcpy(to->at + to->size, data, size);
        to->size += size;
    }
    to->at[to->size] = '\0';
}

void text_word(struct text *to, const char *word) {
    text_add(to, word, strlen(word));
}

void text_byte(struct text *to, char byte) {
    text_add(to, &byte, 1);
}

void text_format(struct text *to, const char *form, ...) {
    va_list values;
    va_start(values, form);
    va_list again;
    va_copy(again, values);
    int size = vsnprintf(NULL, 0, form, values);
    va_end(values);
    if (size > 0) {
        text_reserve(to, (size_t)size);
        vsnprintf(to->at + to->size, (size_t)size + 1, form, again);
        to->size += (size_t)size;
    }
    va_end(again);
}

void text_clear(struct text *one) {
    one->size = 0;
    if (one->at != NULL) {
        one->at[0] = '\0';
    }
}

void text_free(struct text *one) {
    free(one->at);
    *one = (struct text){0};
}

void text_drop(struct text *one, size_t size) {
    if (size) {
        memmove(one->at, one->at + size, one->size - size);
        one->size -= size;
        one->at[one->size] = '\0';
    }
}

void pids_add(struct pids *to, pid_t pid) {
    if (to->count == to->room) {
        to->room = to->room ? to->room * 2 : 16;
        to->at = grab_more(to->at, to->room * sizeof *to->at);
    }
    to->at[to->count++] = pid;
}

void pids_free(struct pids *one) {
    free(one->at);
    *one = (struct pids){0};
}

double now_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool read_file(const char *path, struct text *into, size_t most) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool good = true;
    text_clear(into);
    text_add(into, "", 0);
    while (into->size < most) {
        char step[1024];
        size_t room = most - into->size;
        ssize_t got = read(fd, step, room < sizeof step ? room : sizeof step);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            good = got == 0;
            break;
        }
        text_add(into, step, (size_t)got);
    }
    close_quietly(fd);
    return good;
}

int write_file(const char *path, const char *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int failure = write(fd, data, size) < 0 ? errno : 0;
    close_quietly(fd);
    return failure;
}

void close_quietly(int fd) {
    int before = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = before;
}
