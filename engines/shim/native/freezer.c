/* Makes everything of a run stand still, and go on again. */
#include "freezer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cgroup.h"
#include "processes.h"

#define STILL "TtZXx"
#define CALM 2 /* so many looks in a row must find nothing that moves, and nobody new or gone */

static struct who who_is(pid_t pid) {
    return (struct who){pid, start_time(pid)};
}

static void whos_add(struct whos *to, struct who one) {
    to->at = grab_more(to->at, (to->count + 1) * sizeof *to->at);
    to->at[to->count++] = one;
}

static bool whos_hold(const struct whos *all, struct who one) {
    for (size_t i = 0; i < all->count; i++) {
        if (all->at[i].pid == one.pid && all->at[i].start == one.start) {
            return true;
        }
    }
    return false;
}

static void whos_free(struct whos *one) {
    free(one->at);
    *one = (struct whos){0};
}

/* Whether a process may still do something; one that cannot see a signal does nothing. */
static bool moves(pid_t pid, bool asked) {
    struct text states = {0};
    bool found = false;
    thread_states(pid, &states);
    for (size_t i = 0; i < states.size && !found; i++) {
        bool still = strchr(STILL, states.at[i]) != NULL || (asked && states.at[i] == 'D');
        found = !still;
    }
    text_free(&states);
    return found;
}

static int by_name(const void *one, const void *other) {
    const struct who *first = one;
    const struct who *second = other;
    if (first->pid != second->pid) {
        return first->pid < second->pid ? -1 : 1;
    }
    return first->start < second->start ? -1 : first->start > second->start;
}

/* Whether somebody came or went since the last look. A look may miss who hops from process to
 * process, but not all that it leaves behind: those are dead and still there, or were collected,
 * and then the pages of the collected were counted. */
static bool is_changed(struct freezer *one, const struct pids *known) {
    struct rusage collected = {0};
    struct whos found = {0};
    getrusage(RUSAGE_CHILDREN, &collected);
    for (size_t i = 0; i < known->count; i++) {
        whos_add(&found, who_is(known->at[i]));
    }
    if (found.count) {
        qsort(found.at, found.count, sizeof *found.at, by_name);
    }
    bool changed = found.count != one->seen.count || collected.ru_minflt != one->collected;
    for (size_t i = 0; i < found.count && !changed; i++) {
        changed = by_name(&found.at[i], &one->seen.at[i]) != 0;
    }
    whos_free(&one->seen);
    one->seen = found;
    one->collected = collected.ru_minflt;
    return changed;
}

void freezer_begin(struct freezer *one) {
    one->grouped = *one->group && cgroup_freeze(one->group);
    if (one->grouped) {
        return;
    }
    struct pids known = {0};
    descendants(getpid(), &known);
    whos_free(&one->before);
    whos_free(&one->stopped);
    one->calm = 0;
    for (size_t i = 0; i < known.count; i++) {
        if (!moves(known.at[i], false)) {
            whos_add(&one->before, who_is(known.at[i]));
        }
    }
    is_changed(one, &known);
    pids_free(&known);
}

bool freezer_step(struct freezer *one) {
    if (one->grouped) {
        return cgroup_frozen(one->group);
    }
    struct pids known = {0};
    struct family family;
    descendants(getpid(), &known);
    bool moving = is_changed(one, &known);
    family_make(&family, getpid(), &known);
    for (size_t i = 0; i < known.count; i++) {
        struct who name = who_is(known.at[i]);
        bool asked = whos_hold(&one->stopped, name);
        if (moves(known.at[i], asked)) {
            moving = true;
            if (!asked) {
                whos_add(&one->stopped, name);
            }
            signal_relative(known.at[i], &family, SIGSTOP, 0);
        }
    }
    family_free(&family);
    pids_free(&known);
    one->calm = moving ? 0 : one->calm + 1;
    return one->calm >= CALM;
}

void freezer_thaw(struct freezer *one) {
    if (*one->group) {
        cgroup_thaw(one->group);
    }
    if (one->grouped) {
        one->grouped = false;
        return;
    }
    struct pids known = {0};
    struct family family;
    descendants(getpid(), &known);
    family_make(&family, getpid(), &known);
    for (size_t i = 0; i < known.count; i++) {
        if (!whos_hold(&one->before, who_is(known.at[i]))) {
            signal_relative(known.at[i], &family, SIGCONT, 0);
        }
    }
    family_free(&family);
    pids_free(&known);
}
