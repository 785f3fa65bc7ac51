/* Ends what is below this process. */
#include "killing.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "listener.h"
#include "processes.h"
#include "run_dir.h"

#define MOST_REAPED 1000
#define STATE_SECONDS 1.0
#define FIRST_PAUSE_MS 1
#define LAST_PAUSE_MS 50

int reap(struct watch *watch) {
    for (int count = 0; count < MOST_REAPED; count++) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
        if (pid < 0) {
            watch->childless = errno == ECHILD;
            return count;
        }
        watch->childless = false;
        if (!pid) {
            return count;
        }
        report_died(&watch->report_of_kill, pid, status);
        if (pid == watch->pid) {
            watch->ended = true;
            watch->status = status;
            watch->ended_at = now_seconds();
            control_end(&watch->control, watch->ended_at);
            if (watch->order->bounds.drain_seconds > 0) {
                watch->drain_until = watch->ended_at + watch->order->bounds.drain_seconds;
            }
        }
    }
    kill(getpid(), SIGCHLD); /* there may be more */
    return MOST_REAPED;
}

void state_kill(struct watch *watch, const char *proof) {
    if (!watch->report_of_kill.kept) {
        return;
    }
    struct pids left = {0};
    struct text data = {0};
    if (!*proof) {
        descendants(getpid(), &left);
    }
    report_encode(&watch->report_of_kill, &left, proof, &data);
    state_fact(watch->order->run, "killed", &data, *proof != '\0');
    text_free(&data);
    pids_free(&left);
}

void begin_kill(struct watch *watch, const char *why, double grace, bool whole, double now) {
    /* A task that has ended by itself before has its own ending, and only what it left is killed. */
    reap(watch);
    control_end(&watch->control, now);
    if (!watch->ended && watch->why == NULL) {
        watch->why = why;
    }
    watch->kill_at = now + grace < watch->kill_at ? now + grace : watch->kill_at;
    if (!watch->report_of_kill.kept) {
        report_begin(&watch->report_of_kill, why, grace, whole);
    }
    if (grace > 0) {
        /* A stopped process sees the first signal when it is woken by the second. */
        struct pids hit = {0};
        signal_tree(getpid(), SIGTERM, SIGCONT, &hit);
        report_signalled(&watch->report_of_kill, SIGTERM, &hit);
        pids_free(&hit);
        state_kill(watch, "");
    }
}

/* A child that was not reaped keeps its pid, so these signals cannot go astray. */
static void kill_children(struct watch *watch) {
    struct pids own = {0};
    struct pids hit = {0};
    children(getpid(), &own);
    for (size_t i = 0; i < own.count; i++) {
        if (kill(own.at[i], SIGKILL) == 0) {
            pids_add(&hit, own.at[i]);
        }
    }
    report_signalled(&watch->report_of_kill, SIGKILL, &hit);
    pids_free(&own);
    pids_free(&hit);
}

static void kill_tree(struct watch *watch) {
    struct pids hit = {0};
    signal_tree(getpid(), SIGKILL, 0, &hit);
    report_signalled(&watch->report_of_kill, SIGKILL, &hit);
    pids_free(&hit);
}

void exterminate(struct watch *watch) {
    int pause = FIRST_PAUSE_MS;
    double state_at = now_seconds() + STATE_SECONDS;
    if (*watch->group && watch->report_of_kill.kept) {
        /* Before the group is killed as a whole: afterwards nobody knows who was in it. */
        struct pids known = {0};
        descendants(getpid(), &known);
        report_signalled(&watch->report_of_kill, SIGKILL, &known);
        pids_free(&known);
    }
    for (;;) {
        if (*watch->group) {
            cgroup_kill(watch->group);
        }
        kill_children(watch);
        int reaped = reap(watch);
        if (watch->childless && (!*watch->group || cgroup_empty(watch->group))) {
            return;
        }
        if (now_seconds() >= state_at) {
            state_kill(watch, "");
            state_at = now_seconds() + STATE_SECONDS;
        }
        if (reaped) {
            /* Something may be forking itself away: no pause, or it gains a step. */
            pause = FIRST_PAUSE_MS;
            continue;
        }
        kill_tree(watch);
        struct pollfd wake = {watch->wake, POLLIN, 0};
        poll(&wake, 1, pause);
        wake_empty(watch->wake);
        pause = pause * 2 < LAST_PAUSE_MS ? pause * 2 : LAST_PAUSE_MS;
    }
}
