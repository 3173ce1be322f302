/*
 * judge: boot.judge(), what a webhook's own rule makes of an answer, out of Lua into a retry_judgement.
 */
#ifndef ANZOL_SCRIPT_JUDGE_H
#define ANZOL_SCRIPT_JUDGE_H

#include "core/retry.h"
#include "script/state.h"

/* As generation_judge(). */
int judge_run(struct state *s, struct bytes webhook, const struct attempt *a, struct retry_judgement *out,
              struct buf *message, struct err *e);

#endif
