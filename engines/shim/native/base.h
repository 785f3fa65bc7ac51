/* What every part uses: bytes that grow, clocks, and the way out when memory is short. */
#ifndef NARTHEX_BASE_H
#define NARTHEX_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes that grow; always followed by a NUL that is not counted once anything was put in. */
struct text {
    char *at;
    size_t size;
    size_t room;
};

/* Process ids, in order. */
struct pids {
    pid_t *at;
    size_t count;
    size_t room;
};

/* Called when there is no memory; must not return. By default the process ends. */
extern void (*when_out_of_memory)(void);
void end_process(void);

void *grab(size_t size);
void *grab_more(void *old, size_t size);

void text_add(struct text *to, const void *data, size_t size);
void text_word(struct text *to, const char *word);
void text_byte(struct text *to, char byte);
__attribute__((format(printf, 2, 3))) void text_format(struct text *to, const char *form, ...);
void text_clear(struct text *one);
void text_free(struct text *one);
/* Takes so many bytes away from the beginning. */
void text_drop(struct text *one, size_t size);

void pids_add(struct pids *to, pid_t pid);
void pids_free(struct pids *one);

/* Seconds of the monotonic clock, and milliseconds since the epoch. */
double now_seconds(void);
int64_t now_ms(void);

/* All of a small file; false if it cannot be read. At most `most` bytes are taken. */
bool read_file(const char *path, struct text *into, size_t most);
/* Writes bytes to a file that is there, in one go; 0 or the errno. */
int write_file(const char *path, const char *data, size_t size);

void close_quietly(int fd);

#define NEVER __builtin_inf()

#endif
