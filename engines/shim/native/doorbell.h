/* What wakes a shim: ended children, and whoever knocks at the socket of the run directory. */
#ifndef NARTHEX_DOORBELL_H
#define NARTHEX_DOORBELL_H

#include <stdbool.h>

#define DOORBELL "ctl"

/* A descriptor that is readable when a child has ended; those signals are held back from then on. */
int wake_open(void);
void wake_empty(int fd);
/* The socket at which one may knock, in the working directory; *named is false if it has no name. */
int doorbell_open(bool *named);
void doorbell_empty(int fd);
void do_not_wait(int fd);

#endif
