/*
 * retry: whether and when a delivery is tried again. Pure: time and randomness are arguments.
 *
 *  - a response: retried when its status is in `on` and the request carries the idempotency key;
 *  - never left: retried with or without the key;
 *  - ambiguous: retried only with the key (and "timeout" in `on`), else the outcome is `unknown`;
 *  - permanent: not retried.
 * The k-th retry comes delays[k] after the k-th attempt ended, jittered by ±5 %, and never so that it would start
 * later than `within` after the first attempt began: it is due a second before that at the latest (a twentieth of
 * `within`, when that is less), so that it can leave in time. Retry-After takes the delay's place and pauses the
 * integration; when it points beyond the window there is no retry.
 *
 * Where a webhook has a rule of its own, a judgement of the answer comes first. It can call any status a success or
 * none, and ask for another attempt, but it cannot have one without the key or beyond the window.
 */
#ifndef ANZOL_CORE_RETRY_H
#define ANZOL_CORE_RETRY_H

#include "core/attempt.h"
#include "core/err.h"

enum { RETRY_DELAYS_MAX = 16, RETRY_CODES_MAX = 16 };

enum retry_on { /* bits */
                RETRY_ON_5XX = 1,
                RETRY_ON_4XX = 2,
                RETRY_ON_TIMEOUT = 4, /* every ambiguous end */
};

struct retry_policy {
    uint8_t delay_count;
    uint8_t code_count;
    uint8_t on; /* enum retry_on bits */
    uint32_t delays_ms[RETRY_DELAYS_MAX];
    uint16_t codes[RETRY_CODES_MAX]; /* single statuses beside the classes */
    uint32_t within_ms;
};

enum retry_verdict { RETRY_SUCCEEDED, RETRY_FAILED, RETRY_UNKNOWN, RETRY_AGAIN };

struct retry_decision {
    enum retry_verdict verdict;
    int64_t delay_ms; /* RETRY_AGAIN: from now */
    int64_t pause_ms; /* hold the whole integration that long; 0: do not */
};

/* What a webhook's own rule makes of an answer. */
enum retry_judged {
    JUDGED_DEFAULT, /* nothing: the status decides */
    JUDGED_OK,      /* a success */
    JUDGED_FAILED,  /* none; whether it is tried again is as the policy says of the status */
    JUDGED_FINAL,   /* none, and not to be tried again */
    JUDGED_RETRY,   /* none; to be tried again after retry_ms, however many attempts there were */
};

struct retry_judgement {
    enum retry_judged kind;
    int64_t retry_ms; /* JUDGED_RETRY: from now */
    int64_t
        pause_ms; /* hold the whole integration that long, instead of what the receiver asked for; 0: says nothing */
};

/* 20 s, 80 s, 240 s on 429, 5xx and "timeout", within six minutes. */
void retry_policy_default(struct retry_policy *p);

/* How long the integration is to pause by what the receiver answered; 0: not at all. */
int64_t retry_pause(const struct retry_policy *p, const struct attempt *a);

/*
 * `a` is the attempt that just ended, `j` what the webhook's rule made of it (NULL: it has none; not heard unless the
 * attempt was answered), `tries` how many there were with it (a resend starts anew), `elapsed_ms` the time
 * since the first attempt began, `random` uniform in [0, 1).
 */
struct retry_decision retry_decide(const struct retry_policy *p, bool has_key, const struct attempt *a,
                                   const struct retry_judgement *j, int tries, int64_t elapsed_ms, double random);

#endif
