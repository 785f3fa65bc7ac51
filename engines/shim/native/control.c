/* Carries out what is asked of a run while it goes on. */
#include "control.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "events.h"
#include "processes.h"
#include "run_dir.h"
#include "sandbox.h"

#define STEP_SECONDS 0.002
#define LONG_STEP_SECONDS 0.02
#define STEPS 50
#define GIVE_UP_SECONDS 5.0
#define TOO_FAST "its processes fork too fast to be made to stand still"
#define SUSPENDED "suspended"

void control_make(struct control *one, const char *folder, const char *group,
                  const struct bounds *bounds, void (*changed)(void)) {
    *one = (struct control){
        .folder = folder,
        .warning = bounds->warn_signal,
        .changed = changed,
        .limit = {.seconds = bounds->seconds,
                  .most = bounds->most_seconds,
                  .warn = bounds->warn_seconds},
        .freezer = {.group = group},
        .give_up_at = NEVER,
        .step_at = NEVER,
    };
}

double control_turn_at(const struct control *one) {
    double warn_at = limit_warn_at(&one->limit);
    double stop_at = limit_stop_at(&one->limit);
    double first = warn_at < stop_at ? warn_at : stop_at;
    return one->step_at < first ? one->step_at : first;
}

static void thaw(struct control *one, double now) {
    bool was = one->frozen;
    one->freezing = one->frozen = false;
    one->step_at = NEVER;
    limit_resume(&one->limit, now);
    char *path = path_of(one->folder, SUSPENDED);
    unlink(path);
    free(path);
    freezer_thaw(&one->freezer);
    if (was) {
        event_note(one->folder, "resumed", 0, false, "");
        one->changed();
    }
}

/* Goes on with making everything stand still. */
static void step(struct control *one, double now) {
    one->steps++;
    one->step_at = now + (one->steps < STEPS ? STEP_SECONDS : LONG_STEP_SECONDS);
    if (freezer_step(&one->freezer)) {
        struct text nothing = {0};
        one->freezing = false;
        one->frozen = true;
        one->step_at = NEVER;
        state_fact(one->folder, SUSPENDED, &nothing, false);
        event_note(one->folder, "suspended", 0, false, "");
        one->changed();
    } else if (now >= one->give_up_at) {
        one->wanted = false;
        thaw(one, now);
        event_note(one->folder, "not_suspended", 0, false, TOO_FAST);
    }
}

/* Sends a signal to the process that was asked for, wherever it is; false if it is gone. */
static bool signal_main(const struct control *one, int number) {
    if (!one->sandboxed) {
        return kill(one->pid, number) == 0; /* a child that was not reaped keeps its pid */
    }
    struct pids nobody = {0};
    struct family family;
    pid_t first;
    pid_t task = inmost(one->pid, &first);
    if (!task) {
        return false;
    }
    family_make(&family, first, &nobody);
    bool hit = signal_relative(task, &family, number, 0);
    family_free(&family);
    return hit;
}

static void send_signal(struct control *one, struct asked_signal asked) {
    bool reached;
    if (asked.tree) {
        struct pids hit = {0};
        signal_tree(getpid(), asked.number, 0, &hit);
        reached = hit.count > 0;
        pids_free(&hit);
    } else {
        reached = signal_main(one, asked.number);
    }
    const char *said = reached ? "signalled" : "not_signalled";
    event_note(one->folder, said, asked.number, asked.tree, "");
}

static void act(struct control *one, double now) {
    if (one->over || !one->begun) {
        return;
    }
    struct asked_signal *signals = one->signals;
    size_t count = one->signal_count;
    one->signals = NULL;
    one->signal_count = 0;
    for (size_t i = 0; i < count; i++) {
        send_signal(one, signals[i]);
    }
    free(signals);
    if (one->wanted && !one->freezing && !one->frozen) {
        limit_pause(&one->limit, now);
        one->freezing = true;
        one->steps = 0;
        one->give_up_at = now + GIVE_UP_SECONDS;
        freezer_begin(&one->freezer);
        step(one, now);
    } else if (!one->wanted && (one->freezing || one->frozen)) {
        thaw(one, now);
    }
}

void control_begin(struct control *one, pid_t pid, double now) {
    one->pid = pid;
    one->begun = true;
    limit_begin(&one->limit, now);
    act(one, now);
}

static void take(void *with, struct event event) {
    struct control *one = with;
    switch (event.request) {
    case REQUEST_SUSPEND:
        one->wanted = true;
        break;
    case REQUEST_RESUME:
        one->wanted = false;
        break;
    case REQUEST_LIMIT:
        limit_change(&one->limit, event.seconds);
        break;
    case REQUEST_SIGNAL:
        one->signals = grab_more(one->signals, (one->signal_count + 1) * sizeof *one->signals);
        one->signals[one->signal_count++] = (struct asked_signal){event.signal, event.tree};
        break;
    case REQUEST_NONE:
        break;
    }
}

/* Whether what stands still was killed: who waits for it stands still as well, and cannot say so. */
static bool is_dead_inside(const struct control *one) {
    struct text states = {0};
    pid_t first;
    pid_t task = inmost(one->pid, &first);
    thread_states(task ? task : first, &states);
    bool dead = states.size == 0 || strspn(states.at, "ZXx") == states.size;
    text_free(&states);
    return dead;
}

void control_look(struct control *one, double now) {
    if (one->frozen && one->sandboxed && is_dead_inside(one)) {
        control_end(one, now);
    }
    uint64_t after = events_read(one->folder, one->offset, take, one);
    if (after > one->offset) {
        one->offset = after;
        act(one, now);
    }
}

bool control_turn(struct control *one, double now) {
    if (now >= one->step_at) {
        step(one, now);
    }
    if (now >= limit_warn_at(&one->limit)) {
        one->limit.warned = true;
        signal_main(one, one->warning);
        event_note(one->folder, "warned", one->warning, false, "");
    }
    return now >= limit_stop_at(&one->limit);
}

void control_end(struct control *one, double now) {
    one->over = true;
    free(one->signals);
    one->signals = NULL;
    one->signal_count = 0;
    if (one->freezing || one->frozen) {
        thaw(one, now);
    }
}
