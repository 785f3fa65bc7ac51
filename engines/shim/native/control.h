/* Carries out what is asked of a run while it goes on: see engines/shim/run_control.py. */
#ifndef NARTHEX_CONTROL_H
#define NARTHEX_CONTROL_H

#include "freezer.h"
#include "order.h"
#include "time_limit.h"

struct asked_signal {
    int number;
    bool tree;
};

struct control {
    const char *folder;
    int warning;
    void (*changed)(void); /* called when it stands still or goes on */
    struct time_limit limit;
    struct freezer freezer;
    uint64_t offset;
    pid_t pid;
    bool sandboxed; /* the process stands for one inside a sandbox */
    bool begun;
    bool over;
    struct asked_signal *signals;
    size_t signal_count;
    bool wanted;
    bool freezing;
    bool frozen;
    double give_up_at;
    int steps;
    double step_at;
};

void control_make(struct control *one, const char *folder, const char *group,
                  const struct bounds *bounds, void (*changed)(void));
/* When control_turn is to be called. */
double control_turn_at(const struct control *one);
/* The task runs; what was asked before is done now. */
void control_begin(struct control *one, pid_t pid, double now);
/* Takes what was asked since the last look. */
void control_look(struct control *one, double now);
/* Goes on with what is under way, and warns; whether the time of the run is up. */
bool control_turn(struct control *one, double now);
/* A kill begins, or the main process has ended: all go on, and nothing more is done. */
void control_end(struct control *one, double now);

#endif
