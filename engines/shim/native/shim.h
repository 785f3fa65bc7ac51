/* The shim: parent, reaper and recorder of one run. See engines/shim/main.py. */
#ifndef NARTHEX_SHIM_H
#define NARTHEX_SHIM_H

/* Supervises one run from its start to its end; called in a process forked for it.
 *
 * The lock's descriptor is kept until this process dies. Never returns. */
_Noreturn void shim(int lock, int message, const char *group, const char *boot);

#endif
