/* One control group (version 2) for each run, where this machine and user allow it. */
#ifndef NARTHEX_CGROUP_H
#define NARTHEX_CGROUP_H

#include "base.h"

/* The directory of the group of this process, empty if there is none that could be used. */
void cgroup_own(struct text *into);
/* Where the group of whoever has this word is; empty if there are none. */
void cgroup_name(const char *parent, const char *owner, struct text *into);
/* Makes a group below a parent for whoever has this word alone; empty if that is not allowed. */
void cgroup_make(const char *parent, const char *owner, struct text *into);
/* Moves this process into a group; 0 or the errno. */
int cgroup_enter(const char *group);
/* Forks with the child born in the group; in the child *inside says whether it is. -1: errno. */
pid_t cgroup_fork(const char *group, bool *inside);
void cgroup_kill(const char *group);
bool cgroup_freeze(const char *group);
void cgroup_thaw(const char *group);
bool cgroup_frozen(const char *group);
bool cgroup_empty(const char *group);
/* Removes an empty group and those that its processes made below it. */
void cgroup_remove(const char *group);
/* A group for runs below the own one, tried out; empty if there can be none. */
void cgroup_usable(struct text *into);

#endif
