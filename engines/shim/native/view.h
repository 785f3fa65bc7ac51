/* What a task in a sandbox sees of the disk: see engines/shim/view.py. */
#ifndef NARTHEX_VIEW_H
#define NARTHEX_VIEW_H

#include "order.h"

/* Makes the root in a namespace of mounts of this process's own, and moves into it; 0 or the errno,
 * and then which path it was about in `culprit`, NULL if about none. */
int view_enter(const struct sandbox *box, const char **culprit);

#endif
