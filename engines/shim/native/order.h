/* What the launcher tells a shim: see engines/shim/launch_request.py for the form. */
#ifndef NARTHEX_ORDER_H
#define NARTHEX_ORDER_H

#include "base.h"

/* The limits of a run: 0 is none, but for the grace. */
struct bounds {
    double seconds;
    double grace_seconds;
    bool grace_whole; /* written as a whole number, and to be written so again */
    uint64_t output_bytes;
    double drain_seconds;
    uint64_t processes;
    uint64_t memory_bytes;
    uint64_t open_files;
    uint64_t file_bytes;
    double most_seconds;
    int warn_signal;
    double warn_seconds;
    uint64_t cpu_weight;
    char *user; /* a word for all runs of one user, which have the rest together */
    uint64_t user_processes;
    uint64_t user_memory_bytes;
    uint64_t user_cpu_weight;
};

/* NUL-terminated texts; `flaw` is why they cannot be given to a process, empty if they can. */
struct texts {
    char **at; /* ends with NULL */
    size_t count;
    size_t room;
};

/* What a task is to see of the machine: as engines/shim/sandbox.py says. */
struct sandbox {
    bool wanted; /* without it the rest is empty */
    char *network;
    struct texts read_only;
    struct texts writable;
    struct texts hidden;
    uint64_t tmp_bytes;
    unsigned uid;
    char *name;
    struct texts system; /* what everybody is shown */
    struct text filter;  /* the program that filters system calls, empty for none */
};

struct order {
    char *run;
    struct texts argv;
    struct texts environment; /* NAME=value */
    char *directory;
    struct bounds bounds;
    char *notifier;
    char *stdin_path;
    struct text *hidden; /* what must not be recorded, the longest first */
    size_t hidden_count;
    struct sandbox sandbox;
    char flaw[96];
};

/* The order that a descriptor holds, which is memory that nobody writes to any more; NULL if there
 * is none. To be unmapped. */
char *order_data(int message, size_t *size);
/* Decodes an order; with `task` also what is to be executed. False if it makes no sense. */
bool order_decode(const char *data, size_t size, bool task, struct order *into);
void order_free(struct order *one);
/* The value of a variable; NULL if it has none. */
const char *variable(const struct order *order, const char *name);

#endif
