/*
 * past: the lines that were typed, in this terminal and in others before it: $XDG_STATE_HOME/anzol/history, or
 * ~/.local/state/anzol/history. One entry a line of the file, its own line breaks written as \n.
 *
 * Each is written as it is entered, under a lock on the folder, so that terminals side by side keep each other's. The
 * list that is walked through with the arrow keys is of this terminal, with what the file held when it was opened.
 */
#ifndef ANZOL_CLI_PAST_H
#define ANZOL_CLI_PAST_H

#include "core/buf.h"
#include "core/err.h"

#include <histedit.h>

enum { PAST_MAX = 1000 }; /* entries, in the list and in the file */

struct past {
    History *list; /* libedit's */
    int folder;    /* -1: nothing is written */
};

/* -1: nothing will be kept, for the reason in `e`; usable all the same, unless past->list is NULL. */
int past_open(struct past *p, struct err *e);
void past_close(struct past *p);
/* Not kept: what is empty, begins with a space or is the same as the one before. -1, once: no more will be written. */
int past_add(struct past *p, struct bytes entry, struct err *e);

#endif
