#include "core/limiter.h"

#include <math.h>

static const int64_t SLACK_MAX_NS = 5000000;
static const int64_t FAR_NS = INT64_MAX / 4; /* 73 years; sums of a few stay inside 64 bits */

static int64_t sum(int64_t a, int64_t b)
{
    int64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return r;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t interval_of(double count, int64_t per_ns)
{
    if (!(count > 0) || per_ns <= 0)
        return 0;
    double ns = ceil((double)per_ns * 1.01 / count);
    if (!(ns < (double)FAR_NS))
        return FAR_NS;
    return ns < 1 ? 1 : (int64_t)ns;
}

static int64_t slack_of(int64_t interval_ns, int64_t per_ns)
{
    if (interval_ns == 0)
        return 0;
    return per_ns / 200 < SLACK_MAX_NS ? per_ns / 200 : SLACK_MAX_NS;
}

void limiter_init(struct limiter *l, double count, int64_t per_ns, int64_t now_ns)
{
    int64_t interval = interval_of(count, per_ns);
    *l = (struct limiter){
        .interval_ns = interval,
        .slack_ns = slack_of(interval, per_ns),
        .tat_ns = sum(now_ns, interval),
        .paused_until_ns = INT64_MIN,
    };
}

void limiter_set_rate(struct limiter *l, double count, int64_t per_ns, int64_t now_ns)
{
    /* The last request left at its place in the schedule or up to the slack later, but not after now. */
    int64_t last = sum(sum(l->tat_ns, -l->interval_ns), l->slack_ns);
    if (last > now_ns)
        last = now_ns;
    l->interval_ns = interval_of(count, per_ns);
    l->slack_ns = slack_of(l->interval_ns, per_ns);
    l->tat_ns = sum(last, l->interval_ns);
}

int64_t limiter_wait(const struct limiter *l, int64_t now_ns)
{
    int64_t due = later(l->interval_ns == 0 ? INT64_MIN : l->tat_ns, l->paused_until_ns);
    int64_t wait;
    if (due <= now_ns)
        return 0;
    return __builtin_sub_overflow(due, now_ns, &wait) ? INT64_MAX : wait;
}

int64_t limiter_take(struct limiter *l, int64_t now_ns)
{
    int64_t wait = limiter_wait(l, now_ns);
    if (wait == 0)
        l->tat_ns = sum(later(l->tat_ns, sum(now_ns, -l->slack_ns)), l->interval_ns);
    return wait;
}

void limiter_pause(struct limiter *l, int64_t until_ns)
{
    l->paused_until_ns = later(l->paused_until_ns, until_ns);
}

void limiter_resume(struct limiter *l)
{
    l->paused_until_ns = INT64_MIN;
}

int64_t limiter_pause_left(const struct limiter *l, int64_t now_ns)
{
    return l->paused_until_ns > now_ns ? sum(l->paused_until_ns, -now_ns) : 0;
}
