/* The file of requests of a run: see engines/rundir/requests.py. */
#ifndef NARTHEX_EVENTS_H
#define NARTHEX_EVENTS_H

#include "base.h"

enum request { REQUEST_NONE, REQUEST_SUSPEND, REQUEST_RESUME, REQUEST_LIMIT, REQUEST_SIGNAL };

struct event {
    enum request request;
    double seconds;
    int signal; /* 0 for one that no system has */
    bool tree;
};

/* The event of a line, REQUEST_NONE if it makes no sense or is none for a shim. */
struct event event_decode(const char *line, size_t size);
/* Calls for each whole line from an offset on; the offset after the last. */
uint64_t events_read(const char *folder, uint64_t offset, void (*take)(void *, struct event),
                     void *with);
/* Says what was done; lost if the disk refuses or so much was said that nothing more is kept. */
void event_note(const char *folder, const char *said, int signal, bool tree, const char *note);

#endif
