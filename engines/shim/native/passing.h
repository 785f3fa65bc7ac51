/* Passing descriptors from process to process, each message one byte or more. */
#ifndef NARTHEX_PASSING_H
#define NARTHEX_PASSING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define MOST_FDS 2

/* Sends a byte and descriptors; false if the other end is gone. */
bool send_fds(int through, const int *fds, size_t count);
/* Takes a message and its descriptors, of which those that did not come are -1; its size, 0 at the
 * end, -1 for an error. */
ssize_t receive_fds(int through, void *data, size_t size, int fds[static MOST_FDS]);
/* Two ends of a connection that keeps messages apart; false if there can be none. */
bool connected(int ends[static 2]);

#endif
