/* What a task in a sandbox sees of the disk: a root of its own into which paths are bound.
 *
 * The order of the steps is that of engines/shim/view.py, which says why. Nothing of the old root
 * may be reached from the new one. What is allocated here is left to the end of the process. */
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BASE "/sys"
#define NEW "/sys/new"
#define FOLDER_MODE 0755
#define MOUNT_SETATTR 442
#define WHOLE_TREE 0x8000 /* AT_RECURSIVE */
#define ACCOUNTS_BYTES (1 << 24)
#define PLAIN (MS_NOSUID | MS_NODEV)

/* A path that is shown: by a descriptor, or as a link where it is one of the root's. */
struct held {
    const char *path;
    int fd;
    char *link;
};

static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
static const char *const links[][2] = {
    {"fd", "/proc/self/fd"},         {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},   {"ptmx", "pts/ptmx"},
};
static const char *const kernel[] = {"sys", "sysrq-trigger", "irq",    "bus", "fs",
                                     "acpi", "scsi",         "driver", "mtrr"};
static const char *const kernel_secrets[] = {"kcore",      "keys",        "key-users",  "kmsg",
                                             "timer_list", "sched_debug", "vmallocinfo"};
static const char *const accounts[] = {"/etc/passwd", "/etc/group"};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static char *joined(const char *first, const char *second) {
    struct text made = {0};
    text_format(&made, "%s%s", first, second);
    return made.at;
}

/* The path of a thing below the new root. */
static char *inside(const char *path) {
    return joined(NEW, path);
}

static int blame(const char **culprit, const char *path) {
    int failure = errno;
    *culprit = path;
    return failure;
}

static bool is_there(const char *path) {
    struct stat facts;
    return lstat(path, &facts) == 0;
}

static bool is_folder(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static bool is_below(const char *path, const char *folder) {
    size_t size = strlen(folder);
    while (size && folder[size - 1] == '/') {
        size--;
    }
    return strncmp(path, folder, size) == 0 && path[size] == '/';
}

/* Takes rights away from a mount, and from those below it. */
static int restrict_mount(const char *target, uint64_t attributes, bool below,
                          const char **culprit) {
    struct {
        uint64_t set, clear, propagation, users;
    } wanted = {.set = attributes};
    if (syscall(MOUNT_SETATTR, AT_FDCWD, target, below ? WHOLE_TREE : 0, &wanted, sizeof wanted)) {
        return blame(culprit, target);
    }
    return 0;
}

static int mount_at(const char *source, const char *target, const char *kind, unsigned long flags,
                    const char *options, const char **culprit) {
    return mount(source, target, kind, flags, options) ? blame(culprit, target) : 0;
}

static int make_folders(char *path, const char **culprit) {
    for (char *at = path + 1;; at++) {
        if (*at == '/' || *at == '\0') {
            char was = *at;
            *at = '\0';
            if (mkdir(path, FOLDER_MODE) && errno != EEXIST) {
                return blame(culprit, path);
            }
            *at = was;
            if (!was) {
                return 0;
            }
        }
    }
}

/* What is there already is as good. */
static int make_last(const char *path, bool folder) {
    if (folder) {
        return mkdir(path, FOLDER_MODE) && errno != EEXIST ? errno : 0;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int failure = fd < 0 && errno != EEXIST ? errno : 0;
    close_quietly(fd);
    return failure;
}

/* Sees to it that there is something on which can be mounted. */
static int make(const char *target, bool folder, const char **culprit) {
    char *path = joined(target, "");
    int failure = make_last(path, folder);
    if (failure == ENOENT) {
        char *slash = strrchr(path, '/');
        *slash = '\0';
        failure = make_folders(path, culprit);
        *slash = '/';
        failure = failure ? failure : make_last(path, folder);
    }
    if (failure) {
        *culprit = path;
        return failure;
    }
    free(path);
    return 0;
}

static int bind_fd(int fd, const char *target, const char **culprit) {
    struct stat facts;
    char source[64];
    if (fstat(fd, &facts)) {
        return blame(culprit, target);
    }
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    int failure = make(target, S_ISDIR(facts.st_mode), culprit);
    return failure ? failure
                   : mount_at(source, target, NULL, MS_BIND | MS_REC, NULL, culprit);
}

static int fresh_folder(const char *path, uint64_t most_bytes, const char **culprit) {
    char options[64];
    char *target = inside(path);
    snprintf(options, sizeof options, "mode=1777,size=%llu", (unsigned long long)most_bytes);
    int failure = make(target, true, culprit);
    return failure ? failure : mount_at("tmpfs", target, "tmpfs", PLAIN, options, culprit);
}

/* Mounts /proc, of these processes alone, with what speaks of the machine made harmless. */
static int kernel_files(const char **culprit) {
    const char *proc = NEW "/proc";
    if (mkdir(proc, FOLDER_MODE)) {
        return blame(culprit, proc);
    }
    int failure = mount_at("proc", proc, "proc", PLAIN | MS_NOEXEC, NULL, culprit);
    if (failure) {
        return failure;
    }
    /* Further namespaces of users are refused here, whatever asks for them. */
    write_file(NEW "/proc/sys/user/max_user_namespaces", "0", 1);
    for (size_t i = 0; i < COUNT(kernel) && !failure; i++) {
        char *path = joined(NEW "/proc/", kernel[i]);
        if (is_there(path)) {
            failure = mount_at(path, path, NULL, MS_BIND | MS_REC, NULL, culprit);
            failure = failure ? failure : restrict_mount(path, MOUNT_ATTR_RDONLY, true, culprit);
        }
    }
    for (size_t i = 0; i < COUNT(kernel_secrets) && !failure; i++) {
        char *path = joined(NEW "/proc/", kernel_secrets[i]);
        if (is_there(path)) {
            failure = mount_at("/dev/null", path, NULL, MS_BIND, NULL, culprit);
        }
    }
    return failure;
}

static int device_files(uint64_t most_bytes, const char **culprit) {
    const char *dev = NEW "/dev";
    unsigned long flags = MS_NOSUID | MS_NOEXEC;
    if (mkdir(dev, FOLDER_MODE)) {
        return blame(culprit, dev);
    }
    int failure = mount_at("tmpfs", dev, "tmpfs", flags, "mode=0755,size=1m", culprit);
    for (size_t i = 0; i < COUNT(devices) && !failure; i++) {
        char *source = joined("/dev/", devices[i]);
        if (access(source, F_OK) == 0) {
            char *target = inside(source);
            failure = make(target, false, culprit);
            failure = failure ? failure
                              : mount_at(source, target, NULL, MS_BIND, NULL, culprit);
        }
    }
    for (size_t i = 0; i < COUNT(links) && !failure; i++) {
        char *name = joined(NEW "/dev/", links[i][0]);
        failure = symlink(links[i][1], name) ? blame(culprit, name) : 0;
    }
    if (!failure) {
        const char *pts = NEW "/dev/pts";
        failure = mkdir(pts, FOLDER_MODE) ? blame(culprit, pts) : 0;
        /* Without it there are no terminals inside, and no more. */
        mount("devpts", pts, "devpts", flags, "newinstance,ptmxmode=0666,mode=620");
    }
    failure = failure ? failure : fresh_folder("/dev/shm", most_bytes, culprit);
    return failure ? failure : restrict_mount(dev, MOUNT_ATTR_RDONLY, false, culprit);
}

static int by_path(const void *one, const void *other) {
    return strcmp(((const struct held *)one)->path, ((const struct held *)other)->path);
}

/* A descriptor that only names a file, to which no part of the path led by a symbolic link. */
static int open_without_links(const char *path) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

static bool is_account(const char *path) {
    return strcmp(path, accounts[0]) == 0 || strcmp(path, accounts[1]) == 0;
}

static void hold(struct held *list, size_t *count, const char *path) {
    struct held one = {.path = path, .fd = -1};
    char where[PATH_MAX];
    if (strrchr(path, '/') == path) {
        ssize_t size = readlink(path, where, sizeof where - 1);
        if (size > 0) {
            where[size] = '\0';
            one.link = joined(where, "");
        }
    }
    if (one.link == NULL) {
        one.fd = open(path, O_PATH | O_CLOEXEC);
        if (one.fd < 0) {
            return; /* what is not there is left out */
        }
    }
    list[(*count)++] = one;
}

/* Descriptors of what is shown read-only, by path. */
static struct held *hold_all(const struct sandbox *box, size_t *count) {
    struct held *list = grab((box->system.count + box->read_only.count + 1) * sizeof *list);
    *count = 0;
    for (size_t i = 0; i < box->system.count; i++) {
        if (!box->uid || !is_account(box->system.at[i])) {
            hold(list, count, box->system.at[i]);
        }
    }
    for (size_t i = 0; i < box->read_only.count; i++) {
        hold(list, count, box->read_only.at[i]);
    }
    qsort(list, *count, sizeof *list, by_path);
    return list;
}

static int place_read_only(const struct held *one, const char **culprit) {
    char *target = inside(one->path);
    if (one->link != NULL) {
        bool done = symlink(one->link, target) == 0 || errno == EEXIST;
        return done ? 0 : blame(culprit, target);
    }
    struct stat wanted;
    struct stat found;
    int failure = 0;
    bool shown = fstat(one->fd, &wanted) == 0 && stat(target, &found) == 0 &&
                 wanted.st_dev == found.st_dev && wanted.st_ino == found.st_ino;
    if (!shown) { /* by one above it that is bound */
        failure = bind_fd(one->fd, target, culprit);
        uint64_t less = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
        failure = failure ? failure : restrict_mount(target, less, true, culprit);
    }
    close_quietly(one->fd);
    return failure;
}

/* Hides what is below a path if it can be seen at all. */
static int cover(const char *path, bool folder, const char **culprit) {
    char *target = inside(path);
    if (!is_there(target)) {
        return 0;
    }
    if (!folder) {
        return mount_at("/dev/null", target, NULL, MS_BIND, NULL, culprit);
    }
    return mount_at("tmpfs", target, "tmpfs", PLAIN, "mode=0755,size=1m", culprit);
}

/* Writes who is known inside: who is known outside, and the task's user. */
static int write_accounts(const struct sandbox *box, const struct text texts[static 2],
                          const char **culprit) {
    for (size_t i = 0; i < COUNT(accounts); i++) {
        struct text all = {0};
        text_add(&all, texts[i].at, texts[i].size);
        if (all.size && all.at[all.size - 1] != '\n') {
            text_byte(&all, '\n');
        }
        if (i == 0) {
            text_format(&all, "%s:x:%u:%u::/tmp:/bin/bash\n", box->name, box->uid, box->uid);
        } else {
            text_format(&all, "%s:x:%u:\n", box->name, box->uid);
        }
        char *path = inside(accounts[i]);
        int failure = make(path, false, culprit);
        failure = failure ? failure : write_file(path, all.at, all.size);
        if (failure || chmod(path, 0644)) {
            *culprit = path;
            return failure ? failure : errno;
        }
    }
    return 0;
}

/* What lies below something that is hidden is shown after that was covered. */
static bool is_late(const struct sandbox *box, const bool *there, const char *path) {
    for (size_t i = 0; i < box->hidden.count; i++) {
        if (there[i] && is_below(path, box->hidden.at[i])) {
            return true;
        }
    }
    return false;
}

static int place_all(const struct sandbox *box, const bool *there, const struct held *list,
                     size_t count, bool late, const char **culprit) {
    int failure = 0;
    for (size_t i = 0; i < count && !failure; i++) {
        if (is_late(box, there, list[i].path) == late) {
            failure = place_read_only(&list[i], culprit);
        }
    }
    return failure;
}

/* Hides, shows what lies below, and binds what may be written; then nothing else may be. */
static int place(const struct sandbox *box, const struct held *held, size_t count,
                 struct held *given, const bool *there, const bool *folders,
                 const char **culprit) {
    bool covered[box->hidden.count + 1];
    int failure = place_all(box, there, held, count, false, culprit);
    for (size_t i = 0; i < box->hidden.count && !failure; i++) {
        char *target = inside(box->hidden.at[i]);
        covered[i] = there[i] && folders[i] && is_there(target);
        failure = there[i] ? cover(box->hidden.at[i], folders[i], culprit) : 0;
    }
    failure = failure ? failure : place_all(box, there, held, count, true, culprit);
    for (size_t i = 0; i < box->writable.count && !failure; i++) {
        failure = bind_fd(given[i].fd, inside(given[i].path), culprit);
        close_quietly(given[i].fd);
    }
    for (size_t i = 0; i < box->hidden.count && !failure; i++) {
        if (covered[i]) {
            failure = restrict_mount(inside(box->hidden.at[i]), MOUNT_ATTR_RDONLY, false, culprit);
        }
    }
    return failure ? failure : restrict_mount(NEW, MOUNT_ATTR_RDONLY, false, culprit);
}

static int move_into_new(const char **culprit) {
    if (chdir(NEW) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) ||
        chdir("/")) {
        return blame(culprit, NEW);
    }
    return 0;
}

int view_enter(const struct sandbox *box, const char **culprit) {
    struct held given[box->writable.count + 1];
    bool there[box->hidden.count + 1];
    bool folders[box->hidden.count + 1];
    struct text texts[2] = {{0}, {0}};
    size_t count = 0;
    mode_t before = umask(0);
    umask(022); /* another user has to pass through what is made here */
    *culprit = NULL;
    /* Opened before anything is covered, and each by its own name only. */
    for (size_t i = 0; i < box->writable.count; i++) {
        const char *path = box->writable.at[i];
        given[i] = (struct held){.path = path, .fd = open_without_links(path)};
        if (given[i].fd < 0) {
            return blame(culprit, path);
        }
    }
    qsort(given, box->writable.count, sizeof *given, by_path);
    int failure = mount_at("none", "/", NULL, MS_PRIVATE | MS_REC, NULL, culprit);
    struct held *held = hold_all(box, &count);
    for (size_t i = 0; i < COUNT(accounts) && box->uid; i++) {
        read_file(accounts[i], &texts[i], ACCOUNTS_BYTES);
    }
    for (size_t i = 0; i < box->hidden.count; i++) {
        there[i] = is_there(box->hidden.at[i]);
        folders[i] = is_folder(box->hidden.at[i]);
    }
    failure = failure ? failure
                      : mount_at("tmpfs", BASE, "tmpfs", PLAIN, "mode=0755", culprit);
    if (!failure && mkdir(NEW, FOLDER_MODE)) {
        failure = blame(culprit, NEW);
    }
    failure = failure ? failure
                      : mount_at("tmpfs", NEW, "tmpfs", PLAIN, "mode=0755,size=16m", culprit);
    failure = failure ? failure : mount_at("none", NEW, NULL, MS_PRIVATE, NULL, culprit);
    failure = failure ? failure : kernel_files(culprit);
    failure = failure ? failure : device_files(box->tmp_bytes, culprit);
    failure = failure ? failure : fresh_folder("/tmp", box->tmp_bytes, culprit);
    failure = failure || !box->uid ? failure : write_accounts(box, texts, culprit);
    failure = failure ? failure
                      : place(box, held, count, given, there, folders, culprit);
    failure = failure ? failure : move_into_new(culprit);
    umask(before);
    return failure;
}
