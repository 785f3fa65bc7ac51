/* The watch over one task: records it, ends it when that is due, and sees to it that all is gone.
 *
 * One loop waits for the pipes, for ended children, for the control socket and for the clock.
 * Every process below is reaped here, because orphans fall to this one. */
#include "supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "classify_exit.h"
#include "killing.h"
#include "listener.h"
#include "processes.h"
#include "run_dir.h"
#include "sandbox.h"
#include "watch.h"

#define POLL_SECONDS 1.0 /* a request is told by a knock: this is for one that was lost */
#define DEAF_SECONDS 0.2
#define REPORT_SECONDS 0.2
#define NEW_SECONDS 0.25
#define TELL_SECONDS 0.005 /* a run that says or ends something sooner is told with that */
#define PIPE_BYTES ((size_t)1 << 16)
#define LAST_READS 64
#define INSIDE 2 /* what waits for a task in a sandbox and what reaps there are not the task's */
#define MOST_POLL_MS 60000

static struct watch watch;
static char read_buffer[PIPE_BYTES];

/* The process that executed what was ordered, while it lives. */
static pid_t task(void) {
    pid_t first;
    pid_t found = watch.order->sandbox.wanted ? inmost(watch.pid, &first) : 0;
    return found ? found : watch.pid;
}

/* States that the task runs; whoever sees what it says finds it running, or ended. */
static void state_begun(void) {
    struct text data = {0};
    watch.tell_at = NEVER;
    encode_started(task(), watch.started_ms, &data);
    state_fact(watch.order->run, "started", &data, false);
    text_free(&data);
}

/* The task stands still or goes on: whoever is told so sees that it runs as well. */
static void on_changed(void) {
    if (watch.tell_at < NEVER) {
        state_begun();
    }
    notify(watch.notifier, now_seconds());
}

static void keep_text(int kind, const char *data, size_t size) {
    if (!size) {
        return;
    }
    if (watch.tell_at < NEVER && !watch.ended) {
        state_begun();
    }
    recorder_add(watch.recorder, kind, now_ms(), data, size);
    notify(watch.notifier, now_seconds());
}

/* Records what a pipe holds; false if it holds nothing now. */
static bool record(int kind) {
    ssize_t got = read(watch.pipes[kind], read_buffer, sizeof read_buffer);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (got > 0) {
        if (watch.hidden.count) {
            text_clear(&watch.clean);
            redact_feed(&watch.redactors[kind], read_buffer, (size_t)got, &watch.clean);
            keep_text(kind, watch.clean.at, watch.clean.size);
        } else {
            keep_text(kind, read_buffer, (size_t)got);
        }
        return true;
    }
    close_quietly(watch.pipes[kind]);
    watch.pipes[kind] = -1;
    return false;
}

/* Takes the news of the exec: an error, or the end of the pipe, which is success. */
static void read_news(void) {
    bool failed = child_failure(watch.report, &watch.failure);
    close_quietly(watch.report);
    watch.report = -1;
    if (failed) {
        watch.failed = true;
        return;
    }
    double begun = now_seconds();
    watch.started_ms = now_ms();
    watch.settle_at = begun + NEW_SECONDS;
    watch.tell_at = begun + TELL_SECONDS;
    control_begin(&watch.control, watch.pid, begun);
}

/* Gives a run that is no longer new its full share. */
static void settle(double now) {
    int nice = getpriority(PRIO_PROCESS, 0);
    bool settled = stand_back(nice, 0);
    if (!watch.ended) {
        settled &= stand_back(nice, watch.pid); /* a child that was not reaped keeps its pid */
        settled &= stand_back(nice, task());    /* who waits for it has a session of its own */
    }
    watch.settle_at = settled ? NEVER : now + NEW_SECONDS;
}

/* Looks what is asked of the run, and whether somebody asked for its end. */
static void look(double now) {
    watch.look_at = now + (watch.report_of_kill.kept ? REPORT_SECONDS : watch.pause);
    if (watch.report_of_kill.kept && watch.report_of_kill.stale) {
        state_kill(&watch, "");
    }
    if (watch.requested) {
        return;
    }
    double grace = 0;
    struct stat here;
    bool asked = kill_requested(watch.order->run, watch.order->bounds.grace_seconds, &grace);
    /* A run whose directory was removed belongs to nobody any more. */
    if (asked || (stat(".", &here) == 0 && here.st_nlink == 0)) {
        watch.requested = true;
        begin_kill(&watch, "killed", asked ? grace : 0, false, now);
        return;
    }
    control_look(&watch.control, now);
}

/* When something has to be done about a task that goes on. */
static double turn_at(void) {
    return watch.why != NULL || watch.ended ? NEVER : control_turn_at(&watch.control);
}

static bool is_over(void) {
    if (!watch.ended || !watch.childless) {
        return false;
    }
    bool drained = watch.pipes[OUT] < 0 && watch.pipes[ERR] < 0 && watch.report < 0;
    return drained || watch.why != NULL || now_seconds() >= watch.drain_until;
}

/* How long nothing has to be done unless something happens. */
static int poll_ms(void) {
    const double times[] = {watch.look_at,     watch.kill_at,   turn_at(),
                            watch.drain_until, watch.settle_at, watch.tell_at,
                            watch.notifier->owed};
    double until = NEVER;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        until = times[i] < until ? times[i] : until;
    }
    double rest = (until - now_seconds()) * 1000;
    return rest < 0 ? 0 : rest < MOST_POLL_MS ? (int)rest + 1 : MOST_POLL_MS;
}

/* Waits for something to happen and takes it, the exec before what the program says. */
static void wait_once(void) {
    struct pollfd fds[] = {
        {watch.wake, POLLIN, 0},       {watch.report, POLLIN, 0},   {watch.pipes[OUT], POLLIN, 0},
        {watch.pipes[ERR], POLLIN, 0}, {watch.listener, POLLIN, 0},
    };
    if (poll(fds, sizeof fds / sizeof *fds, poll_ms()) <= 0) {
        return;
    }
    if (fds[0].revents) {
        wake_empty(watch.wake);
        reap(&watch);
    }
    if (fds[1].revents && watch.report >= 0) {
        read_news();
    }
    if (fds[2].revents && watch.pipes[OUT] >= 0) {
        record(OUT);
    }
    if (fds[3].revents && watch.pipes[ERR] >= 0) {
        record(ERR);
    }
    if (fds[4].revents) {
        listener_empty(watch.listener);
        watch.look_at = 0;
    }
}

/* Takes what is left in the pipes, but waits for nobody and listens to no flood. */
static void drain(void) {
    if (watch.report >= 0) {
        read_news();
    }
    for (int kind = OUT; kind <= ERR; kind++) {
        for (int i = 0; i < LAST_READS && watch.pipes[kind] >= 0; i++) {
            if (!record(kind)) {
                break;
            }
        }
    }
    for (int kind = OUT; kind <= ERR; kind++) {
        text_clear(&watch.clean);
        redact_end(&watch.redactors[kind], &watch.clean);
        if (watch.clean.size) {
            recorder_add(watch.recorder, kind, now_ms(), watch.clean.at, watch.clean.size);
        }
    }
    recorder_end(watch.recorder, now_ms());
}

/* Lets the task go, once it is durable that it may have run; 0 or the errno. */
static int start(const struct run *run) {
    struct child child;
    int failure = 0;
    if (run->ahead != NULL) {
        child = *run->ahead;
    } else {
        failure = child_make(&child, &run->making);
    }
    if (run->ahead == NULL && !failure) {
        child_instruct(&child, run->making.message); /* if it is gone its report says why */
    }
    close_quietly(run->making.message);
    if (failure) {
        return failure;
    }
    /* While it gets ready, the disk does what it has to before. */
    failure = sync_folder(watch.order->run);
    if (failure) {
        child_abandon(&child);
        return failure;
    }
    watch.pid = child.pid;
    watch.pipes[OUT] = child.out;
    watch.pipes[ERR] = child.err;
    watch.report = child.report;
    do_not_wait(child.out);
    do_not_wait(child.err);
    limits_hold(&watch.limits, child.pid);
    child_release(&child, limits_held(&watch.limits));
    return 0;
}

static void begin(const struct run *run) {
    int failure = start(run);
    if (failure) {
        fail_start(&watch, failure);
        watch.ended = true;
        watch.childless = true;
    }
    /* A knock that came before this is no loss: whether one is due is looked at first of all. */
    bool named;
    watch.listener = listener_open(&named);
    watch.pause = named ? POLL_SECONDS : DEAF_SECONDS;
}

/* Watches until no process of the run is left and all that it said is recorded. */
static void keep(void) {
    while (!is_over()) {
        wait_once();
        double now = now_seconds();
        if (now >= watch.look_at) {
            look(now);
        }
        if (now >= watch.settle_at) {
            settle(now);
        }
        if (now >= watch.tell_at) {
            state_begun();
            notify(watch.notifier, now);
        }
        if (now >= turn_at() && control_turn(&watch.control, now)) {
            const struct bounds *bounds = &watch.order->bounds;
            begin_kill(&watch, "time_limit", bounds->grace_seconds, bounds->grace_whole, now);
        }
        if (now >= watch.kill_at || (now >= watch.drain_until && !watch.childless)) {
            exterminate(&watch);
            watch.kill_at = NEVER;
        }
        notifier_settle(watch.notifier, now);
    }
    drain();
    bool proved = *watch.group && cgroup_empty(watch.group);
    state_kill(&watch, proved ? "cgroup" : "reaper");
}

/* There is no memory: the task is ended, and the ending says whose fault it was. */
static void lose(void) {
    when_out_of_memory = end_process; /* a second time, whoever sweeps after us says the rest */
    exterminate(&watch);
    struct text fault = {0};
    text_word(&fault, "the supervisor of the run had no memory\n");
    state_fact(watch.order->run, "fault", &fault, false);
    struct ending ending = ending_of("lost", "the supervisor of the run failed", "shim_died");
    ending.bytes = watch.recorder->size;
    ending.dropped = watch.recorder->dropped;
    limits_remove(&watch.limits);
    cgroup_remove(watch.group);
    unlink(LISTENER);
    state_ending(watch.order->run, &ending);
    notifier_end(watch.notifier);
    _exit(0);
}

struct ending supervise(const struct run *run) {
    watch = (struct watch){
        .order = run->order,
        .recorder = run->recorder,
        .notifier = run->notifier,
        .group = run->group,
        .report = -1,
        .pipes = {-1, -1, -1},
        .listener = -1,
        .kill_at = NEVER,
        .drain_until = NEVER,
        .settle_at = NEVER,
        .tell_at = NEVER,
        .ended_at = now_seconds(),
        .pause = DEAF_SECONDS,
    };
    hidden_make(&watch.hidden, run->order->hidden, run->order->hidden_count);
    watch.redactors[OUT].hidden = watch.redactors[ERR].hidden = &watch.hidden;
    control_make(&watch.control, run->order->run, run->group, &run->order->bounds, on_changed);
    watch.control.sandboxed = run->order->sandbox.wanted;
    watch.wake = wake_open();
    when_out_of_memory = lose;
    limits_make(&watch.limits, run->group, &run->order->bounds,
                run->order->sandbox.wanted ? INSIDE : 0);
    begin(run);
    keep();
    struct ending ending = classify_exit(&watch);
    limits_remove(&watch.limits);
    return ending;
}
