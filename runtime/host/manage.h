/*
 * manage: what a flow asks about runs (the word `runs`): a step like any other, done when it is committed that it was
 * asked for, and done again when that is not known to have ended: each can be repeated, a restart because the new run
 * has an id made of who asked.
 */
#ifndef ANZOL_HOST_MANAGE_H
#define ANZOL_HOST_MANAGE_H

#include "host/intake.h"

/*
 * `name` says what: "cancel ID", "resume ID", "resume_current ID", "restart ID", "get ID", or "list STATE LIMIT FLOW"
 * with
 * "-" for any. Tells the run the result by runs_managed(): {"ok":true,"value":…} or {"ok":false,"error":"…"}.
 */
void manage(struct intake *in, int64_t run, const struct uuid *id, int step, struct bytes name);

#endif
