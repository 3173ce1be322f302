/*
 * watch: notices that what a load of the scripts reads may have changed, by inotify.
 *
 * A hint and no more: whoever uses it compares contents. It tells of files and folders written, replaced, made,
 * removed, moved, touched or made readable, at any part of a path and behind any link on it, and goes on when a folder
 * is gone and there again. It does not tell of other names in the folders on the way, of editors' files beside the
 * scripts, nor of reads. It has a file descriptor and neither timers nor a loop: an editor's one save is told a few
 * times.
 *
 * Nobody tells inotify of writes through mmap(), of what others do on a network file system, and of a mount on top.
 */
#ifndef ANZOL_SCRIPT_WATCH_H
#define ANZOL_SCRIPT_WATCH_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

struct watch;

/* NULL: `e` says why, and for a limit of inotify what to raise. */
struct watch *watch_new(struct err *e);
void watch_free(struct watch *w);
/* Readable: watch_read(). It is closed with the watch. */
int watch_fd(const struct watch *w);
/*
 * What to look at from now on, in the place of what was: `paths` as a person named them (files, or folders of scripts),
 * and `looked`: further files that a load asked for, found or not. Both are copied. Relative ones begin at the working
 * directory, which must stay. What stays the same keeps its watch, and what happened to it is still to be read; what is
 * new is looked at from here on, so that who has loaded before compares after.
 * -1: something cannot be watched, the first in `e`; all the rest is.
 */
int watch_set(struct watch *w, const char *const *paths, size_t path_count, const char *const *looked,
              size_t looked_count, struct err *e);
/*
 * Takes what has happened, without waiting. True: something that a load reads may have changed. What there is to
 * look at has then been found anew; what of that cannot be watched, the next watch_set() says.
 */
bool watch_read(struct watch *w);

#endif
