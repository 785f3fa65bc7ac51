/* What is known about a task while it lives. */
#ifndef NARTHEX_WATCH_H
#define NARTHEX_WATCH_H

#include "child.h"
#include "control.h"
#include "kill_report.h"
#include "limit_groups.h"
#include "notifier.h"
#include "order.h"
#include "recorder.h"
#include "redact.h"

struct watch {
    const struct order *order;
    struct recorder *recorder;
    struct notifier *notifier;
    const char *group;
    struct limit_groups limits;
    struct hidden hidden;
    struct redactor redactors[3];
    struct text clean; /* what a redactor let through */
    int wake;          /* readable when a child ended */
    int listener;
    int report;
    int pipes[3]; /* by stream, -1 once closed */
    pid_t pid;
    bool failed; /* it could not be started, as failure says */
    struct failure failure;
    bool ended; /* the main process, with this status */
    int status;
    bool childless;
    const char *why; /* the kind of ending that was brought about, NULL for none */
    bool requested;
    struct kill_report report_of_kill;
    struct control control;
    double look_at;
    double kill_at;
    double drain_until;
    double settle_at;
    double tell_at;
    double ended_at;
    double pause;
    int64_t started_ms;
};

#endif
