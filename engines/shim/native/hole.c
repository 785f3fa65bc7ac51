/* The note of a hole, and the hole. */
#include "hole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crc32.h"
#include "run_dir.h"

#define MAGIC "NXHOLE1\n"
#define NOTE_SIZE 29

static int write_note(const char *path, const struct text *note) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return errno;
    }
    ssize_t put = write(fd, note->at, note->size);
    int failure = put < 0 ? errno : (size_t)put != note->size ? EIO : 0;
    if (!failure && fsync(fd) < 0) {
        failure = errno;
    }
    close_quietly(fd);
    return failure;
}

int hole_note(const char *folder, uint64_t begin, uint64_t end, const struct gap *gap) {
    struct text data = {0};
    struct text note = {0};
    if (gap != NULL) {
        gap_encode(gap, &data);
    }
    unsigned char fixed[NOTE_SIZE];
    memcpy(fixed, MAGIC, 8);
    put_u32(fixed + 8, crc32_of(0, data.at, data.size));
    put_u64(fixed + 12, begin);
    put_u64(fixed + 20, end);
    fixed[28] = gap != NULL;
    text_add(&note, fixed, sizeof fixed);
    text_add(&note, data.at, data.size);
    char *path = path_of(folder, HOLE);
    char *new = path_of(folder, "." HOLE);
    int failure = write_note(new, &note);
    if (!failure && rename(new, path) < 0) {
        failure = errno;
    }
    free(new);
    free(path);
    text_free(&data);
    text_free(&note);
    return failure;
}

int hole_punch(int fd, uint64_t begin, uint64_t end) {
    int mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
    return fallocate(fd, mode, (off_t)begin, (off_t)(end - begin)) < 0 ? errno : 0;
}
