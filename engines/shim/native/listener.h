/* What wakes a shim: ended children, and whoever knocks at the socket of the run directory. */
#ifndef NARTHEX_LISTENER_H
#define NARTHEX_LISTENER_H

#include <stdbool.h>

#define LISTENER "ctl"

/* A descriptor that is readable when a child has ended; those signals are held back from then on. */
int wake_open(void);
void wake_empty(int fd);
/* The socket at which one may knock, in the working directory; *named is false if it has no name. */
int listener_open(bool *named);
void listener_empty(int fd);
void do_not_wait(int fd);

#endif
