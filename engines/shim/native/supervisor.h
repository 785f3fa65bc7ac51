/* The watch over one task: see engines/shim/process_supervisor.py. */
#ifndef NARTHEX_SUPERVISOR_H
#define NARTHEX_SUPERVISOR_H

#include "child.h"
#include "facts.h"
#include "notifier.h"
#include "order.h"
#include "recorder.h"

/* Everything about one run that a shim is given. */
struct run {
    const struct order *order;
    struct recorder *recorder;
    struct notifier *notifier;
    const char *group; /* empty for none */
    struct making making;
    struct child *ahead; /* what will be the task and has its order; NULL if it is to be made */
};

/* Runs the task from its start to its end; how it ended. Once in a process. */
struct ending supervise(const struct run *run);

#endif
