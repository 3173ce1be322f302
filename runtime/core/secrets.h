/*
 * secrets: the private values, and the mask that keeps them out of everything people see.
 *
 * Values live in one mapping that is locked and left out of core dumps; names are not private. The vault outlives every
 * generation; values are only ever added or replaced, by the host, before scripts run. Lua never sees a value.
 *
 * The mask knows each value of 4 bytes or more as it is and in base64, at each of the three alignments and in both
 * alphabets; each of these percent-encoded, JSON-escaped and with XML entities too. So what a receiver echoes is
 * blotted out before it is stored. Twice encoded, or hashed, it is not known.
 */
#ifndef ANZOL_CORE_SECRETS_H
#define ANZOL_CORE_SECRETS_H

#include "core/buf.h"
#include "core/err.h"

struct secrets;

struct secrets *secrets_new(struct err *e);
void secrets_free(struct secrets *s); /* wipes; NULL is fine */

/* Sets or replaces. The value is copied; the caller wipes its own. -1: memory. */
int secrets_set(struct secrets *s, struct bytes name, struct bytes value, struct err *e);
/* Sets those of `from` that are not known yet. -1: memory; some may be set then. */
int secrets_add_all(struct secrets *s, const struct secrets *from, struct err *e);
/* The value; data NULL: no such secret. Valid until the next secrets_set(). */
struct bytes secrets_get(const struct secrets *s, struct bytes name);
size_t secrets_count(const struct secrets *s);

/*
 * Looks a secret up where secrets come from and keeps it: already known, else the environment variable, else the
 * file $CREDENTIALS_DIRECTORY/NAME (one trailing newline dropped). 0 found, 1 not found or empty, -1 error. A name
 * is [A-Za-z_][A-Za-z0-9_]*.
 */
int secrets_load(struct secrets *s, const char *name, struct err *e);
/*
 * Reads a file of NAME=VALUE lines (# comments, blank lines, an optional "export ", single or double quotes around a
 * value) and adds them to the variables (core/environment.h), where `env` and secrets_load() find them. A variable that
 * is set already keeps its value. -1 with file:line.
 */
int secrets_read_env_file(const char *path, struct err *e);

/* Whether a known form of a value is in it: false means that secrets_mask() would change nothing. */
bool secrets_found(const struct secrets *s, struct bytes data);
/* Replaces every known form of every value in place by '*' of the same length. True when something was found. */
bool secrets_mask(const struct secrets *s, char *data, size_t len);

/* How many bytes a value can take, in its longest form. */
size_t secrets_longest_form(const struct secrets *s);

/* memset that the compiler keeps, and the same for a whole buffer (its capacity, then emptied). */
void secrets_wipe(void *data, size_t len);
void secrets_wipe_buf(struct buf *b);

#endif
