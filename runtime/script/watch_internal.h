/*
 * watch_internal: between the two halves of watch: the walk along a path, and what inotify is asked on the way.
 */
#ifndef ANZOL_SCRIPT_WATCH_INTERNAL_H
#define ANZOL_SCRIPT_WATCH_INTERNAL_H

#include "script/watch.h"

/* In the place of a name: every script of a folder. No file has this name. */
#define WATCH_SCRIPTS "/"

/* What comes, goes or changes in `folder` by that name matters. False: it may not be read, and nothing will be heard.
 */
bool watch_entry(struct watch *w, const char *folder, const char *name);
/* What happens to this matters, whatever its names; of a link, not its target. False: it may not be read. */
bool watch_itself(struct watch *w, const char *path);
/* Notes that `path` cannot be watched, unless something else could not before. */
void watch_fail(struct watch *w, const char *path, int number);

/* Watches all that decides what is found at `path`; `scripts`: when a folder is, its scripts too. */
void watch_walk(struct watch *w, const char *path, bool scripts);

#endif
