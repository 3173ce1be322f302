/*
 * candidates: what may stand at the cursor, as the daemon says it: what they have in common, and a list in columns.
 */
#ifndef ANZOL_CLI_CANDIDATES_H
#define ANZOL_CLI_CANDIDATES_H

#include "core/buf.h"

#include <stdio.h>

struct json_t; /* Jansson's */

struct candidates {
    size_t from;          /* the byte where what they replace begins; it ends at the cursor */
    struct json_t *items; /* texts; what could steer a terminal or break the line is not among them */
};

/* Of the daemon's answer; "from" is taken as far as `cursor`. Memory is short: none. */
void candidates_init(struct candidates *c, const struct json_t *answer, size_t cursor);
void candidates_fini(struct candidates *c);
size_t candidates_count(const struct candidates *c);
/* What all begin with, in whole characters; a view into the first. */
struct bytes candidates_common(const struct candidates *c);
/* The first 100 in columns, and how many there are more. */
void candidates_print(const struct candidates *c, int width, FILE *out);

#endif
