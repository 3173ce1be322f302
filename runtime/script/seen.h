/*
 * seen: what a load has read, by its hash: whether there is a reason to load again. Files that `require` looked for and
 * did not find belong to it: one that appears is a reason.
 */
#ifndef ANZOL_SCRIPT_SEEN_H
#define ANZOL_SCRIPT_SEEN_H

#include "script/archive.h"

struct seen {
    bool known; /* false: nothing has been read yet */
    uint8_t hash[ARCHIVE_HASH_SIZE];
    char **looked; /* the paths where modules were looked for */
    size_t looked_count;
};

void seen_init(struct seen *s);
void seen_fini(struct seen *s);
/* Notes what a load has read, in the place of what was noted; takes l->looked over. `errors`: what could not be read.
 * -1: memory, and nothing is known. */
int seen_note(struct seen *s, struct load *l, struct bytes errors, struct err *e);
/* Reads the files anew: *changed tells whether they are others, or say something else. */
int seen_look(const struct seen *s, const char *const *paths, size_t count, bool *changed, struct err *e);

#endif
