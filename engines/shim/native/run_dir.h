/* The files of a run directory: how facts are stated and read. Nothing here waits for anybody. */
#ifndef NARTHEX_RUN_DIR_H
#define NARTHEX_RUN_DIR_H

#include "base.h"

/* The path of a file of a directory; free it. */
char *path_of(const char *folder, const char *name);
/* Opens a plain file without waiting; -1 with ENOENT if there is none or something else. */
int open_plain(const char *path, int flags);
/* Whether a name belongs to a plain file: 1, 0 for something else, -1 for nothing. */
int is_plain(const char *path);
/* A small plain file; false if there is nothing of that name or it cannot be opened. */
bool read_plain(const char *path, struct text *into);
/* Makes the names in a directory durable; 0 or the errno. */
int sync_folder(const char *folder);
/* States a fact that only the holder of the lock states; 0 or the errno. */
int state_fact(const char *folder, const char *name, const struct text *data, bool durable);
/* States a durable fact once: the first writer wins. 0, EEXIST, or another errno. */
int state_once(const char *folder, const char *name, const struct text *data);

#endif
