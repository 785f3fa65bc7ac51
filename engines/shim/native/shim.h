/* The shim: parent, reaper and recorder of one run. See engines/shim/main.py. */
#ifndef NARTHEX_SHIM_H
#define NARTHEX_SHIM_H

/* Supervises one run from its start to its end; called in a process forked for it.
 *
 * The lock's descriptor is kept until this process dies. Never returns. */
_Noreturn void shim(int lock, int message, const char *group, const char *boot);
/* The same for the run whose lock and order come through a socket; ends if none comes.
 *
 * What will be the task is forked ahead as well, so that a start waits for no fork at all. */
_Noreturn void shim_ahead(int orders, const char *group, const char *boot);

#endif
