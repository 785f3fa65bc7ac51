/* Limits that hold for a run as a whole: see engines/shim/limit_groups.py. */
#ifndef NARTHEX_LIMIT_GROUPS_H
#define NARTHEX_LIMIT_GROUPS_H

#include "order.h"

enum limit_kind { LIMIT_MEMORY, LIMIT_PIDS, LIMIT_CPU, LIMIT_KINDS };

/* The groups that hold the limits of one run. */
struct limit_groups {
    const char *own; /* the run's group of version 2, empty if it has none */
    struct text where[LIMIT_KINDS]; /* the group that holds a limit, empty for none */
    struct text made[LIMIT_KINDS];  /* those that are to be removed */
};

/* How often limits were felt: processes killed for want of memory, and ones refused. */
struct counts {
    uint64_t killed;
    uint64_t refused;
};

/* Below which groups those of runs can be made, for this process and all that it forks. Tries it,
 * and removes what is left of ended runs. The parent of version 2 may be empty. */
void limit_groups_find(const char *parent);
/* Where the groups of version 1 are, by what /proc/self says; both texts are taken apart. */
void limit_groups_locate(char *mounts, char *groups, struct text into[static LIMIT_KINDS]);
/* Makes what the limits need. `more` processes besides the task's are in the groups. */
void limits_make(struct limit_groups *one, const char *own, const struct bounds *bounds,
                 uint64_t more);
/* Takes in a process, and with it all that it will fork. */
void limits_hold(struct limit_groups *one, pid_t pid);
/* The kinds that hold for the run, a bit each. */
unsigned int limits_held(const struct limit_groups *one);
struct counts limits_counts(const struct limit_groups *one);
/* Removes what was made; for when no process of the run is left. */
void limits_remove(struct limit_groups *one);

#endif
