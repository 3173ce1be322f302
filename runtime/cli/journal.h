/*
 * journal: a run of a flow as `show` prints it: how it stands, and its steps one a line.
 */
#ifndef ANZOL_CLI_JOURNAL_H
#define ANZOL_CLI_JOURNAL_H

#include "cli/render.h"

struct json_t; /* Jansson's */

/*
 * GET /v1/runs/ID; `text` is the answer itself, from which data is shown as it came. `full`: with what came in, answers
 * and events. -1: memory was short.
 */
int journal_print(const struct render *r, const struct json_t *run, struct bytes text, bool full);

#endif
