/* The hole in a recorded output that grew beyond its cap: see engines/rundir/holes.py. */
#ifndef NARTHEX_HOLE_H
#define NARTHEX_HOLE_H

#include "records.h"

#define HOLE "hole"

/* Makes it durable what is about to go; 0 or the errno. Without a gap the record there will say. */
int hole_note(const char *folder, uint64_t begin, uint64_t end, const struct gap *gap);
/* Gives what a file holds there back to the disk; 0 or the errno. */
int hole_punch(int fd, uint64_t begin, uint64_t end);

#endif
