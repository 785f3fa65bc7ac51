/* The files of a run directory. */
#include "run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES (1 << 20)
#define PLAIN (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

char *path_of(const char *folder, const char *name) {
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = grab(size);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

int open_plain(const char *path, int flags) {
    int fd = open(path, flags | PLAIN, 0600);
    if (fd < 0) {
        if (errno == ELOOP || errno == EISDIR || errno == ENXIO || errno == ENODEV) {
            errno = ENOENT;
        }
        return -1;
    }
    struct stat facts;
    if (fstat(fd, &facts) < 0 || !S_ISREG(facts.st_mode)) {
        close_quietly(fd);
        errno = ENOENT;
        return -1;
    }
    return fd;
}

int is_plain(const char *path) {
    struct stat facts;
    return lstat(path, &facts) < 0 ? -1 : S_ISREG(facts.st_mode) ? 1 : 0;
}

bool read_plain(const char *path, struct text *into) {
    text_clear(into);
    text_add(into, "", 0);
    int fd = open_plain(path, O_RDONLY);
    if (fd < 0) {
        return false;
    }
    char step[4096];
    ssize_t got;
    while ((got = read(fd, step, sizeof step)) > 0) {
        text_add(into, step, (size_t)got);
        if (into->size > MOST_BYTES) {
            text_clear(into); /* no fact is this long: it is there, and cannot be read */
            break;
        }
    }
    close_quietly(fd);
    return got >= 0;
}

int sync_folder(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int failure = fsync(fd) < 0 ? errno : 0;
    close_quietly(fd);
    return failure;
}

/* A path beside a fact that nobody else uses. */
static char *beside(const char *folder, const char *name) {
    unsigned char chance[6] = {0};
    if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance) {
        int64_t now = now_ms() ^ ((int64_t)getpid() << 20);
        memcpy(chance, &now, sizeof chance);
    }
    char word[300];
    snprintf(word, sizeof word, ".%s.%02x%02x%02x%02x%02x%02x", name, chance[0], chance[1],
             chance[2], chance[3], chance[4], chance[5]);
    return path_of(folder, word);
}

/* Writes a file that must not be there yet; 0 or the errno. */
static int write_new(const char *path, const struct text *data, bool durable) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return errno;
    }
    int failure = 0;
    for (size_t done = 0; done < data->size && !failure;) {
        ssize_t put = write(fd, data->at + done, data->size - done);
        if (put >= 0) {
            done += (size_t)put;
        } else if (errno != EINTR) {
            failure = errno;
        }
    }
    if (!failure && durable && fsync(fd) < 0) {
        failure = errno;
    }
    close_quietly(fd);
    return failure;
}

int state_fact(const char *folder, const char *name, const struct text *data, bool durable) {
    char *path = path_of(folder, name);
    char *temporary = beside(folder, name);
    int failure = write_new(temporary, data, false);
    if (!failure && rename(temporary, path) < 0) {
        failure = errno;
    }
    if (failure) {
        unlink(temporary);
    } else if (durable) {
        failure = sync_folder(folder);
    }
    free(temporary);
    free(path);
    return failure;
}

/* Takes something that is no fact out of a fact's place; false if it is one by now. */
static bool put_aside(const char *folder, const char *name) {
    char *path = path_of(folder, name);
    char *aside = beside(folder, name);
    bool gone = true;
    /* Whoever looked before may have been overtaken by the writer of the fact, which goes back. */
    if (rename(path, aside) == 0 && is_plain(aside) == 1) {
        gone = link(aside, path) < 0 && errno != EEXIST;
        unlink(aside);
    }
    free(aside);
    free(path);
    return gone;
}

int state_once(const char *folder, const char *name, const struct text *data) {
    char *path = path_of(folder, name);
    int there = is_plain(path);
    int failure = 0;
    if (there == 1 || (there == 0 && !put_aside(folder, name))) {
        failure = EEXIST;
    } else {
        char *temporary = beside(folder, name);
        failure = write_new(temporary, data, true);
        if (!failure && link(temporary, path) < 0) {
            failure = errno;
        }
        unlink(temporary);
        free(temporary);
        if (!failure) {
            failure = sync_folder(folder);
        }
    }
    free(path);
    return failure;
}
