/*
 * rule: the rule of retries, said once more, from what receivers answered and the host was told of it.
 */
#ifndef ANZOL_SIM_RULE_H
#define ANZOL_SIM_RULE_H

#include "oracle.h"

/* What is measured in milliseconds twice may be off by that. */
enum { RULE_GRAIN_MS = 2 };

/* An attempt that ended so may be followed by another. */
bool rule_repeatable(const struct delivery *d, const struct sent *s);
/* Attempts of the series that are surely in the record; and the first of them. */
int rule_count(const struct delivery *d, const struct sent **first);
/* The receiver has asked for time. */
bool rule_asked(const struct sent *s);
/* How long it holds all requests of its integration; 0: not at all. */
int64_t rule_pause_ms(const struct delivery *d, const struct sent *s);
/* What is left of the window when `last` ended; the next attempt does not come later. */
int64_t rule_left_ms(const struct delivery *d, const struct sent *first, const struct sent *last);
/* From the end of `last`, the `tries`-th of the series, to the next: at least, and at most where nothing is in its way.
 */
int64_t rule_least_ms(const struct delivery *d, const struct sent *first, const struct sent *last, int tries);
int64_t rule_most_ms(const struct delivery *d, const struct sent *first, const struct sent *last, int tries);
/* Its last attempt failed, and there is another for it, within the window: for sure. */
bool rule_goes_on(const struct delivery *d);
/* There is none: for sure. */
bool rule_ends(const struct delivery *d);

#endif
