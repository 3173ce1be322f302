/*
 * judge: what the webhook's own rule makes of an answer, where it has one: asked of the scripts before the retry rule,
 * and said in the attempt after it.
 */
#ifndef ANZOL_HOST_JUDGE_H
#define ANZOL_HOST_JUDGE_H

#include "host/dispatch.h"

/*
 * Fills `out` for the flight's attempt, which has ended; an answer that the rule calls no success gets ATTEMPT_RULE and
 * a message, masked. A request without the flag (REQUEST_JUDGED) and an attempt without an answer cost nothing and are
 * JUDGED_DEFAULT. What fails in the script is logged.
 */
void judge_attempt(struct flight *f, const struct request_options *o, struct retry_judgement *out);
/* The rule asked for another attempt and `d` does not grant it: the message says why. */
void judge_explain(struct flight *f, const struct request_options *o, const struct retry_judgement *j,
                   const struct retry_decision *d);

#endif
