/* How far the session of a run stands back while it is new: many may start at the same time. */
#ifndef NARTHEX_STARTING_H
#define NARTHEX_STARTING_H

#define STARTING_NICE 10

#endif
