#include "core/retry.h"

static const int64_t JITTER_CAP_MS = 1000, LEAVING_CAP_MS = 1000;

void retry_policy_default(struct retry_policy *p)
{
    *p = (struct retry_policy){
        .delay_count = 3,
        .code_count = 1,
        .on = RETRY_ON_5XX | RETRY_ON_TIMEOUT,
        .delays_ms = {20000, 80000, 240000},
        .codes = {429},
        .within_ms = 360000,
    };
}

static bool status_in(const struct retry_policy *p, int status)
{
    if ((p->on & RETRY_ON_5XX) && status >= 500 && status <= 599)
        return true;
    if ((p->on & RETRY_ON_4XX) && status >= 400 && status <= 499)
        return true;
    for (int i = 0; i < p->code_count && i < RETRY_CODES_MAX; i++)
        if (p->codes[i] == status)
            return true;
    return false;
}

/* What an attempt that may not be repeated comes to. */
static enum retry_verdict without_retry(const struct retry_policy *p, bool has_key, const struct attempt *a)
{
    bool repeatable = has_key && (p->on & RETRY_ON_TIMEOUT);
    return a->class == ATTEMPT_AMBIGUOUS && !repeatable ? RETRY_UNKNOWN : RETRY_FAILED;
}

static bool may_repeat(const struct retry_policy *p, bool has_key, const struct attempt *a)
{
    switch (a->class) {
    case ATTEMPT_ANSWERED:
        return has_key && status_in(p, a->status);
    case ATTEMPT_NEVER_LEFT:
        return true;
    case ATTEMPT_AMBIGUOUS:
        return has_key && (p->on & RETRY_ON_TIMEOUT);
    case ATTEMPT_PERMANENT:
        break;
    }
    return false;
}

/* What the receiver asked for; 0: nothing, or nothing that is still ahead. */
static int64_t asked_wait(const struct attempt *a)
{
    bool counts = a->class == ATTEMPT_ANSWERED && (a->status == 429 || a->status == 503);
    return counts && a->retry_after_ms > 0 ? a->retry_after_ms : 0;
}

/* A policy without a window must not turn a receiver's plea into nothing, nor into a pause for ever. */
static int64_t pause_cap(const struct retry_policy *p)
{
    return p->within_ms > 0 ? p->within_ms : 360000;
}

int64_t retry_pause(const struct retry_policy *p, const struct attempt *a)
{
    int64_t asked = asked_wait(a);
    return asked < pause_cap(p) ? asked : pause_cap(p);
}

static int64_t asked_delay(int64_t asked, double random)
{
    int64_t spread = asked / 20 < JITTER_CAP_MS ? asked / 20 : JITTER_CAP_MS;
    return asked + (int64_t)((double)spread * random);
}

static int64_t policy_delay(uint32_t delay_ms, double random)
{
    return (int64_t)((double)delay_ms * (0.95 + 0.1 * random));
}

static bool succeeded(const struct attempt *a, enum retry_judged judged)
{
    return judged == JUDGED_OK || (judged == JUDGED_DEFAULT && attempt_succeeded(a));
}

/* The delay that the policy or the receiver asks for; -1: no further attempt. */
static int64_t delay_by_policy(const struct retry_policy *p, bool has_key, const struct attempt *a, int tries,
                               int64_t left, double random)
{
    int64_t asked = asked_wait(a);
    int next = tries < 1 ? 1 : tries;
    if (!may_repeat(p, has_key, a) || next > p->delay_count || next > RETRY_DELAYS_MAX || asked > left)
        return -1;
    return asked > 0 ? asked_delay(asked, random) : policy_delay(p->delays_ms[next - 1], random);
}

static int64_t delay_by_rule(const struct retry_judgement *j, bool has_key, int64_t left, double random)
{
    return !has_key || j->retry_ms > left ? -1 : asked_delay(j->retry_ms, random);
}

/* How much of the window is still ahead, but for its end: what is due only then would leave too late. */
static int64_t left_of_window(const struct retry_policy *p, int64_t elapsed_ms)
{
    int64_t leaving = p->within_ms / 20;
    if (leaving > LEAVING_CAP_MS)
        leaving = LEAVING_CAP_MS;
    return (int64_t)p->within_ms - leaving - (elapsed_ms < 0 ? 0 : elapsed_ms);
}

struct retry_decision retry_decide(const struct retry_policy *p, bool has_key, const struct attempt *a,
                                   const struct retry_judgement *j, int tries, int64_t elapsed_ms, double random)
{
    static const struct retry_judgement none = {.kind = JUDGED_DEFAULT};
    struct retry_decision d = {.verdict = RETRY_SUCCEEDED};
    int64_t delay = -1;
    int64_t left = left_of_window(p, elapsed_ms);
    if (j == NULL || a->class != ATTEMPT_ANSWERED)
        j = &none;
    if (!(random >= 0 && random < 1))
        random = 0;
    d.pause_ms = j->pause_ms > 0 ? j->pause_ms : retry_pause(p, a);
    if (succeeded(a, j->kind))
        return d;
    d.verdict = without_retry(p, has_key, a);
    if (j->kind == JUDGED_RETRY)
        delay = delay_by_rule(j, has_key, left, random);
    else if (j->kind != JUDGED_FINAL)
        delay = delay_by_policy(p, has_key, a, tries, left, random);
    if (delay < 0 || left <= 0)
        return d;
    d.verdict = RETRY_AGAIN;
    d.delay_ms = delay < left ? delay : left;
    return d;
}
