/*
 * outcomes: what the API says of a delivery, against what its receiver has seen.
 */
#ifndef ANZOL_SIM_OUTCOMES_H
#define ANZOL_SIM_OUTCOMES_H

#include "oracle.h"

#include <jansson.h>

/* At the end of all: it has ended, and its log and its state are right. */
void outcomes_check(const struct delivery *d, const json_t *log);
/* Now: an end that is shown is the right one, and one that has come is shown. It was asked for at `asked_ns`. */
void outcomes_check_now(const json_t *row, int64_t asked_ns);
/* It is shown as one that has ended. */
bool outcomes_is_final(const json_t *row);
/* It was known for a while, when it was asked for: a sound host has it in the record. */
bool outcomes_settled(const struct delivery *d, int64_t asked_ns);

#endif
