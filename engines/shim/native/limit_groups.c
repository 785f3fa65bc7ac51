/* Limits that hold for a run as a whole, kept by control groups.
 *
 * By the run's own one where the controllers of version 2 are delegated, by groups of version 1
 * beside it where this machine has those; else by the resource limits of each process. */
#include "limit_groups.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "processes.h"

#define FILE_BYTES (1 << 20)
#define USUAL_WEIGHT 100
#define USUAL_SHARES 1024
#define LEAST_SHARES 2
#define MOST_SHARES 262144
#define OF_USER "narthex-user-"
#define TRIES 5

static const char *const names[LIMIT_KINDS] = {"memory", "pids", "cpu"};
static struct text parents[LIMIT_KINDS];

/* Writes an order to a file of a group; 0 or the errno. */
static int give(const char *group, const char *file, uint64_t amount) {
    struct text path = {0};
    char value[32];
    int size = snprintf(value, sizeof value, "%" PRIu64, amount);
    text_format(&path, "%s/%s", group, file);
    int failure = write_file(path.at, value, (size_t)size);
    text_free(&path);
    return failure;
}

/* Whether a word is one of a list. */
static bool lists(const char *list, const char *word, const char *between) {
    size_t size = strlen(word);
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, between);
        if (length == size && strncmp(at, word, size) == 0) {
            return true;
        }
        at += length;
        at += strspn(at, between);
    }
    return false;
}

/* Whether groups below one of version 2 have a controller. */
static bool is_given(const char *parent, const char *kind) {
    struct text path = {0};
    struct text said = {0};
    text_format(&path, "%s/cgroup.subtree_control", parent);
    bool found = read_file(path.at, &said, FILE_BYTES) && lists(said.at, kind, " \n");
    text_free(&path);
    text_free(&said);
    return found;
}

/* Switches a controller on for the groups below one, if that is allowed. */
static void switch_on(const char *parent, const char *kind) {
    struct text path = {0};
    struct text wanted = {0};
    text_format(&path, "%s/cgroup.subtree_control", parent);
    text_format(&wanted, "+%s", kind);
    write_file(path.at, wanted.at, wanted.size);
    text_free(&path);
    text_free(&wanted);
}

/* Whether groups can be made below one of version 1. */
static bool is_usable(const char *parent) {
    struct text trial = {0};
    struct text procs = {0};
    text_format(&trial, "%s/narthex-trial-%d", parent, getpid());
    bool made = mkdir(trial.at, 0700) == 0;
    text_format(&procs, "%s/cgroup.procs", trial.at);
    bool usable = made && access(procs.at, W_OK) == 0;
    if (made) {
        cgroup_remove(trial.at);
    }
    text_free(&trial);
    text_free(&procs);
    return usable;
}

static bool is_of_user(const char *name) {
    return strncmp(name, OF_USER, strlen(OF_USER)) == 0;
}

/* Removes the groups of runs that are over; one that is not empty stays. */
static void sweep(const char *parent) {
    DIR *folder = opendir(parent);
    if (folder == NULL) {
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        int pid;
        unsigned long long started;
        int read = 0;
        if (is_of_user(entry->d_name)) {
            struct text inner = {0};
            text_format(&inner, "%s/%s", parent, entry->d_name);
            sweep(inner.at);
            rmdir(inner.at); /* stays if a run of the user goes on */
            text_free(&inner);
        }
        bool one = sscanf(entry->d_name, "narthex-%d-%llu%n", &pid, &started, &read) == 2;
        if (one && !entry->d_name[read] && start_time(pid) != started) {
            struct text path = {0};
            text_format(&path, "%s/%s", parent, entry->d_name);
            cgroup_remove(path.at);
            text_free(&path);
        }
    }
    closedir(folder);
}

/* The groups of /proc/self/cgroup that controllers are in; of those that have none, empty. */
static void read_groups(char *groups, const char *inside[static LIMIT_KINDS]) {
    char *rest = NULL;
    for (char *line = strtok_r(groups, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *controllers = strchr(line, ':');
        char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (path == NULL) {
            continue;
        }
        *path++ = '\0';
        for (int kind = 0; kind < LIMIT_KINDS; kind++) {
            if (lists(controllers + 1, names[kind], ",")) {
                inside[kind] = path;
            }
        }
    }
}

void limit_groups_locate(char *mounts, char *groups, struct text into[static LIMIT_KINDS]) {
    const char *inside[LIMIT_KINDS] = {0};
    read_groups(groups, inside);
    char *rest = NULL;
    for (char *line = strtok_r(mounts, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char root[2048];
        char point[2048];
        char *after = strstr(line, " - ");
        if (after == NULL || strncmp(after + 3, "cgroup ", 7) != 0 ||
            sscanf(line, "%*s %*s %*s %2047s %2047s", root, point) != 2) {
            continue;
        }
        const char *options = strrchr(after, ' ') + 1;
        for (int kind = 0; kind < LIMIT_KINDS; kind++) {
            const char *below = inside[kind];
            if (below == NULL || into[kind].size || !lists(options, names[kind], ",")) {
                continue;
            }
            size_t size = strlen(root);
            bool top = strcmp(root, "/") == 0;
            if (!top && (strncmp(below, root, size) != 0 ||
                         (below[size] != '/' && below[size] != '\0'))) {
                continue;
            }
            text_format(&into[kind], "%s%s", point, top ? below : below + size);
            while (into[kind].size && into[kind].at[into[kind].size - 1] == '/') {
                into[kind].at[--into[kind].size] = '\0';
            }
        }
    }
}

void limit_groups_find(const char *parent) {
    struct text mounts = {0};
    struct text groups = {0};
    struct text old[LIMIT_KINDS] = {0};
    if (read_file("/proc/self/mountinfo", &mounts, FILE_BYTES) &&
        read_file("/proc/self/cgroup", &groups, FILE_BYTES)) {
        limit_groups_locate(mounts.at, groups.at, old);
    }
    for (int kind = 0; kind < LIMIT_KINDS; kind++) {
        if (*parent && !is_given(parent, names[kind])) {
            switch_on(parent, names[kind]);
        }
        text_clear(&parents[kind]);
        if (*parent && is_given(parent, names[kind])) {
            text_word(&parents[kind], parent);
        } else if (old[kind].size && is_usable(old[kind].at)) {
            sweep(old[kind].at);
            text_word(&parents[kind], old[kind].at);
        }
        text_free(&old[kind]);
    }
    text_free(&mounts);
    text_free(&groups);
}

/* Sets a limit by version 2; 0 or the errno. */
static int limit(const char *group, enum limit_kind kind, uint64_t amount) {
    if (kind == LIMIT_PIDS) {
        return give(group, "pids.max", amount);
    }
    if (kind == LIMIT_CPU) {
        return give(group, "cpu.weight", amount);
    }
    int failure = give(group, "memory.max", amount);
    if (!failure) {
        /* What is swapped out is used as well, and the kernel counts it apart. */
        give(group, "memory.swap.max", 0);
    }
    return failure;
}

/* Sets a limit by version 1; 0 or the errno. */
static int limit_old(const char *group, enum limit_kind kind, uint64_t amount) {
    if (kind == LIMIT_PIDS) {
        return give(group, "pids.max", amount);
    }
    if (kind == LIMIT_CPU) {
        uint64_t most = (uint64_t)MOST_SHARES * USUAL_WEIGHT / USUAL_SHARES;
        uint64_t shares = amount < most ? amount * USUAL_SHARES / USUAL_WEIGHT : MOST_SHARES;
        return give(group, "cpu.shares", shares > LEAST_SHARES ? shares : LEAST_SHARES);
    }
    int failure = give(group, "memory.limit_in_bytes", amount);
    if (!failure) {
        /* With swap; where the kernel does not count that it has no such file. */
        give(group, "memory.memsw.limit_in_bytes", amount);
    }
    return failure;
}

/* Whether a group is below a parent, and not further down. */
static bool is_right_below(const char *group, const char *parent) {
    size_t size = strlen(parent);
    return strncmp(group, parent, size) == 0 && group[size] == '/' &&
           strchr(group + size + 1, '/') == NULL;
}

/* Makes the run's group of version 1, in that of its user if they share a limit. */
static bool make_old(const char *parent, enum limit_kind kind, uint64_t shared, const char *user,
                     struct text *path) {
    char owner[OWNER_SIZE];
    owner_of(getpid(), owner);
    if (!shared) {
        cgroup_name(parent, owner, path);
        return mkdir(path->at, 0700) == 0 || errno == EEXIST;
    }
    struct text above = {0};
    bool made = false;
    text_format(&above, "%s/" OF_USER "%s", parent, user);
    cgroup_name(above.at, owner, path);
    for (int i = 0; i < TRIES && !made; i++) {
        /* Whoever ends the last run of the user removes it at the same moment. */
        mkdir(above.at, 0700);
        made = mkdir(path->at, 0700) == 0 || errno == EEXIST;
    }
    if (made) {
        /* Less than is in use cannot be set: what was set before goes on to hold. */
        limit_old(above.at, kind, shared);
    }
    text_free(&above);
    return made;
}

static void set(struct limit_groups *one, enum limit_kind kind, uint64_t amount, uint64_t shared,
                const char *user) {
    const char *parent = parents[kind].at;
    if (is_right_below(one->own, parent)) {
        /* It was made before anybody knew whose run this is, so it is in no group of a user's. */
        if (amount && limit(one->own, kind, amount) == 0) {
            text_word(&one->where[kind], one->own);
        }
        return;
    }
    struct text path = {0};
    if (make_old(parent, kind, shared, user, &path)) {
        text_word(&one->made[kind], path.at);
        if (!amount || limit_old(path.at, kind, amount) == 0) {
            text_word(&one->where[kind], path.at);
        }
    }
    text_free(&path);
}

void limits_make(struct limit_groups *one, const char *own, const struct bounds *bounds,
                 uint64_t more) {
    const uint64_t shared[LIMIT_KINDS] = {
        [LIMIT_MEMORY] = bounds->user_memory_bytes,
        [LIMIT_PIDS] = bounds->user_processes,
        [LIMIT_CPU] = bounds->user_cpu_weight,
    };
    bool has_user = bounds->user != NULL && bounds->user[0];
    const uint64_t amounts[LIMIT_KINDS] = {
        [LIMIT_MEMORY] = bounds->memory_bytes,
        [LIMIT_PIDS] = bounds->processes ? bounds->processes + more : 0,
        [LIMIT_CPU] = bounds->cpu_weight,
    };
    *one = (struct limit_groups){.own = own};
    for (int kind = 0; kind < LIMIT_KINDS; kind++) {
        uint64_t of_all = has_user ? shared[kind] : 0;
        if ((amounts[kind] || of_all) && parents[kind].size) {
            set(one, (enum limit_kind)kind, amounts[kind], of_all, bounds->user);
        }
    }
}

void limits_hold(struct limit_groups *one, pid_t pid) {
    for (int kind = 0; kind < LIMIT_KINDS; kind++) {
        if (one->made[kind].size && give(one->made[kind].at, "cgroup.procs", (uint64_t)pid)) {
            text_clear(&one->where[kind]); /* it is one for each process instead */
        }
    }
}

unsigned int limits_held(const struct limit_groups *one) {
    unsigned int held = 0;
    for (int kind = 0; kind < LIMIT_KINDS; kind++) {
        held |= one->where[kind].size ? 1U << kind : 0;
    }
    return held;
}

/* A number that a file of a group says behind a word at the beginning of a line. */
static uint64_t count(const char *group, const char *file, const char *word) {
    struct text path = {0};
    struct text said = {0};
    uint64_t found = 0;
    size_t size = strlen(word);
    text_format(&path, "%s/%s", group, file);
    if (read_file(path.at, &said, FILE_BYTES)) {
        for (char *at = said.at; at != NULL; at = strchr(at, '\n'), at = at ? at + 1 : NULL) {
            if (strncmp(at, word, size) == 0 && at[size] == ' ') {
                found = strtoull(at + size, NULL, 10);
                break;
            }
        }
    }
    text_free(&path);
    text_free(&said);
    return found;
}

struct counts limits_counts(const struct limit_groups *one) {
    struct counts found = {0};
    /* What others limit is felt as well. */
    const char *memory = one->where[LIMIT_MEMORY].size ? one->where[LIMIT_MEMORY].at : one->own;
    if (*memory) {
        found.killed = count(memory, "memory.events", "oom_kill");
        if (!found.killed && one->where[LIMIT_MEMORY].size) {
            found.killed = count(memory, "memory.oom_control", "oom_kill");
        }
    }
    if (one->where[LIMIT_PIDS].size) {
        found.refused = count(one->where[LIMIT_PIDS].at, "pids.events", "max");
    }
    return found;
}

void limits_remove(struct limit_groups *one) {
    for (int kind = 0; kind < LIMIT_KINDS; kind++) {
        if (one->made[kind].size) {
            cgroup_remove(one->made[kind].at);
            char *slash = strrchr(one->made[kind].at, '/');
            *slash = '\0';
            const char *above = strrchr(one->made[kind].at, '/');
            if (above != NULL && is_of_user(above + 1)) {
                rmdir(one->made[kind].at); /* stays if others of the user are in it */
            }
        }
        text_free(&one->made[kind]);
        text_free(&one->where[kind]);
    }
}
