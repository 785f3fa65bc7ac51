/* One control group (version 2) for each run. */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define INTO_CGROUP 0x200000000ULL
#define FILE_BYTES (1 << 20)
#define SERVICE "/narthex-gateway" /* what the group of the gateway itself is called */
#define MOST_STEPS 100000 /* a tree that is still growing is left to whoever looks after it */

static bool in_group(const char *group, const char *file, char path[static 4200]) {
    return snprintf(path, 4200, "%s/%s", group, file) < 4200;
}

static int order(const char *group, const char *file, const char *value) {
    char path[4200];
    return in_group(group, file, path) ? write_file(path, value, strlen(value)) : ENAMETOOLONG;
}

/* Where the group of /proc/self/cgroup is found below a mount of /proc/self/mountinfo. */
static bool locate(char *mounts, const char *own, struct text *into) {
    char *rest = NULL;
    for (char *line = strtok_r(mounts, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *after = strstr(line, " - ");
        if (after == NULL || strncmp(after + 3, "cgroup2 ", 8) != 0) {
            continue;
        }
        char root[2048];
        char point[2048];
        if (sscanf(line, "%*s %*s %*s %2047s %2047s", root, point) != 2) {
            continue;
        }
        size_t size = strlen(root);
        bool top = strcmp(root, "/") == 0;
        bool above = strncmp(own, root, size) == 0 && (own[size] == '/' || own[size] == '\0');
        if (top || above) {
            text_format(into, "%s%s", point, top ? own : own + size);
            while (into->size && into->at[into->size - 1] == '/') {
                into->at[--into->size] = '\0';
            }
            return true;
        }
    }
    return false;
}

void cgroup_own(struct text *into) {
    struct text mounts = {0};
    struct text groups = {0};
    text_clear(into);
    text_add(into, "", 0);
    if (read_file("/proc/self/mountinfo", &mounts, FILE_BYTES) &&
        read_file("/proc/self/cgroup", &groups, FILE_BYTES)) {
        char *rest = NULL;
        char *line = strtok_r(groups.at, "\n", &rest);
        while (line != NULL && strncmp(line, "0::/", 4) != 0) {
            line = strtok_r(NULL, "\n", &rest);
        }
        if (line != NULL) {
            locate(mounts.at, line + 3, into);
        }
    }
    /* Only a group that nobody is in may give the controllers of memory and processes on. */
    size_t last = strlen(SERVICE);
    if (into->size >= last && strcmp(into->at + into->size - last, SERVICE) == 0) {
        into->size -= last;
        into->at[into->size] = '\0';
    }
    text_free(&mounts);
    text_free(&groups);
}

void cgroup_name(const char *parent, const char *owner, struct text *into) {
    text_clear(into);
    text_add(into, "", 0);
    if (*parent) {
        text_format(into, "%s/narthex-%s", parent, owner);
    }
}

void cgroup_make(const char *parent, const char *owner, struct text *into) {
    cgroup_name(parent, owner, into);
    if (!into->size) {
        return;
    }
    if (mkdir(into->at, 0700) < 0 && errno != EEXIST) {
        text_clear(into);
        return;
    }
    char path[4200];
    if (!in_group(into->at, "cgroup.kill", path) || access(path, W_OK) < 0 ||
        !in_group(into->at, "cgroup.procs", path) || access(path, W_OK) < 0) {
        cgroup_remove(into->at);
        text_clear(into);
    }
}

int cgroup_enter(const char *group) {
    return order(group, "cgroup.procs", "0");
}

pid_t cgroup_fork(const char *group, bool *inside) {
    *inside = false;
    int directory = *group ? open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (directory < 0) {
        return fork();
    }
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
        uint64_t set_tid, set_tid_size, cgroup;
    } arguments = {
        .flags = INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)directory};
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) {
        *inside = true;
        return 0;
    }
    close_quietly(directory);
    return pid < 0 ? fork() : pid;
}

void cgroup_kill(const char *group) {
    order(group, "cgroup.kill", "1");
}

bool cgroup_freeze(const char *group) {
    return order(group, "cgroup.freeze", "1") == 0;
}

void cgroup_thaw(const char *group) {
    order(group, "cgroup.freeze", "0");
}

/* Whether the kernel says a thing of a group; -1 if it says nothing. */
static int says(const char *group, const char *event) {
    char path[4200];
    struct text said = {0};
    int found = -1;
    if (in_group(group, "cgroup.events", path) && read_file(path, &said, FILE_BYTES)) {
        found = strstr(said.at, event) != NULL;
    }
    text_free(&said);
    return found;
}

bool cgroup_frozen(const char *group) {
    return says(group, "frozen 1") == 1;
}

bool cgroup_empty(const char *group) {
    int found = says(group, "populated 0");
    struct stat facts;
    return found < 0 ? lstat(group, &facts) < 0 : found == 1;
}

/* Goes down into a group that cannot be removed yet; -1 if all below this one are gone. */
static int enter_left(int fd) {
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    if (folder == NULL) {
        close_quietly(copy);
        return -1;
    }
    int inner = -1;
    struct dirent *entry;
    while (inner < 0 && (entry = readdir(folder)) != NULL) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.') {
            continue;
        }
        if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
            inner = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
    }
    closedir(folder);
    return inner;
}

void cgroup_remove(const char *group) {
    if (!*group || rmdir(group) == 0) {
        return;
    }
    int fd = open(group, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int depth = 0;
    for (int step = 0; fd >= 0 && step < MOST_STEPS; step++) {
        int next = enter_left(fd);
        if (next >= 0) {
            depth++;
        } else if (depth-- == 0) {
            break;
        } else {
            next = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        close_quietly(fd);
        fd = next;
    }
    close_quietly(fd);
    rmdir(group);
}

void cgroup_usable(struct text *into) {
    struct text trial = {0};
    char owner[32];
    int status = 1;
    cgroup_own(into);
    snprintf(owner, sizeof owner, "trial-%d", getpid());
    cgroup_make(into->at, owner, &trial);
    if (trial.size) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(cgroup_enter(trial.at) ? 1 : 0);
        }
        if (pid > 0) {
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
            }
        }
        cgroup_remove(trial.at);
    }
    if (status) {
        text_clear(into);
    }
    text_free(&trial);
}
