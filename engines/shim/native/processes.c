/* Looking at processes and signalling them. */
#include "processes.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_PIDS (1 << 22) /* the kernel gives no larger ones */
#define STAT_BYTES 4096
#define LIST_BYTES (1 << 26)
#define PARENT 1
#define START_TIME 19

static bool family_holds(const struct family *one, pid_t pid) {
    return pid >= 0 && pid < MOST_PIDS && (one->bits[pid / 8] >> (pid % 8) & 1);
}

static void family_add(struct family *one, pid_t pid) {
    if (pid >= 0 && pid < MOST_PIDS) {
        one->bits[pid / 8] |= (unsigned char)(1 << (pid % 8));
    }
}

void family_make(struct family *one, pid_t root, const struct pids *others) {
    one->bits = calloc(MOST_PIDS / 8, 1);
    if (one->bits == NULL) {
        when_out_of_memory();
        _exit(1);
    }
    family_add(one, root);
    for (size_t i = 0; i < others->count; i++) {
        family_add(one, others->at[i]);
    }
}

void family_free(struct family *one) {
    free(one->bits);
    one->bits = NULL;
}

bool stand_back(int nice, pid_t pid) {
    char path[64];
    char value[16];
    if (pid) {
        snprintf(path, sizeof path, "/proc/%d/autogroup", pid);
    } else {
        snprintf(path, sizeof path, "/proc/self/autogroup");
    }
    int size = snprintf(value, sizeof value, "%d", nice);
    return write_file(path, value, (size_t)size) != EAGAIN;
}

void boot_id(struct text *into) {
    read_file("/proc/sys/kernel/random/boot_id", into, STAT_BYTES);
    while (into->size && into->at[into->size - 1] == '\n') {
        into->at[--into->size] = '\0';
    }
}

/* A field of a stat file, counted from the state on; the name before it may hold anything. */
static const char *stat_field(const char *path, struct text *buffer, int field) {
    if (!read_file(path, buffer, STAT_BYTES)) {
        return NULL;
    }
    char *at = memrchr(buffer->at, ')', buffer->size);
    if (at == NULL) {
        return NULL;
    }
    at++;
    for (int i = -1; i < field; i++) {
        at = strchr(at, ' ');
        if (at == NULL) {
            return NULL;
        }
        at++;
    }
    return at;
}

static const char *pid_field(pid_t pid, struct text *buffer, int field) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    return stat_field(path, buffer, field);
}

unsigned long long start_time(pid_t pid) {
    struct text buffer = {0};
    const char *found = pid_field(pid, &buffer, START_TIME);
    unsigned long long value = found == NULL ? 0 : strtoull(found, NULL, 10);
    text_free(&buffer);
    return value;
}

void owner_of(pid_t pid, char into[static OWNER_SIZE]) {
    snprintf(into, OWNER_SIZE, "%d-%llu", pid, start_time(pid));
}

static pid_t parent_of(pid_t pid) {
    struct text buffer = {0};
    const char *found = pid_field(pid, &buffer, PARENT);
    pid_t value = found == NULL ? 0 : (pid_t)strtol(found, NULL, 10);
    text_free(&buffer);
    return value;
}

/* The threads of a process. */
static void threads(pid_t pid, struct pids *into) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            pids_add(into, (pid_t)atoi(entry->d_name));
        }
    }
    closedir(folder);
}

void children(pid_t pid, struct pids *into) {
    struct pids found = {0};
    struct text list = {0};
    threads(pid, &found);
    for (size_t i = 0; i < found.count; i++) {
        char path[96];
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, found.at[i]);
        if (!read_file(path, &list, LIST_BYTES)) {
            continue;
        }
        char *at = list.at;
        char *end;
        for (long child; (child = strtol(at, &end, 10)) > 0 && end != at; at = end) {
            pids_add(into, (pid_t)child);
        }
    }
    text_free(&list);
    pids_free(&found);
}

void descendants(pid_t root, struct pids *into) {
    struct pids waiting = {0};
    struct pids found = {0};
    struct family seen;
    children(root, &found);
    if (found.count == 0) {
        pids_free(&found);
        return;
    }
    family_make(&seen, root, &waiting);
    for (;;) {
        for (size_t i = 0; i < found.count; i++) {
            if (!family_holds(&seen, found.at[i])) {
                family_add(&seen, found.at[i]);
                pids_add(into, found.at[i]);
                pids_add(&waiting, found.at[i]);
            }
        }
        if (waiting.count == 0) {
            break;
        }
        found.count = 0;
        children(waiting.at[--waiting.count], &found);
    }
    family_free(&seen);
    pids_free(&found);
    pids_free(&waiting);
}

bool signal_relative(pid_t pid, const struct family *family, int number, int second) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        return false;
    }
    bool hit = family_holds(family, parent_of(pid)) &&
               syscall(SYS_pidfd_send_signal, fd, number, NULL, 0) == 0;
    if (hit && second) {
        hit = syscall(SYS_pidfd_send_signal, fd, second, NULL, 0) == 0;
    }
    close_quietly(fd);
    return hit;
}

void signal_tree(pid_t root, int number, int second, struct pids *hit) {
    struct pids known = {0};
    descendants(root, &known);
    if (known.count) {
        struct family family;
        family_make(&family, root, &known);
        for (size_t i = 0; i < known.count; i++) {
            if (signal_relative(known.at[i], &family, number, second)) {
                pids_add(hit, known.at[i]);
            }
        }
        family_free(&family);
    }
    pids_free(&known);
}

void thread_states(pid_t pid, struct text *into) {
    struct pids found = {0};
    struct text buffer = {0};
    text_clear(into);
    threads(pid, &found);
    for (size_t i = 0; i < found.count; i++) {
        char path[96];
        snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, found.at[i]);
        const char *state = stat_field(path, &buffer, 0);
        if (state != NULL) {
            text_byte(into, *state);
        }
    }
    text_free(&buffer);
    pids_free(&found);
}
