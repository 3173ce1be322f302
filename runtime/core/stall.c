#include "core/stall.h"

void stall_init(struct stall *s, int64_t period_ns)
{
    *s = (struct stall){.period_ns = period_ns};
}

static int64_t at_most(int64_t ns, int64_t limit)
{
    return ns < limit ? ns : limit;
}

/* Of a turn that was not seen before: it began between the last look and this one. */
static int64_t first(const struct stall *s, const struct stall_look *l)
{
    return at_most(l->now_ns - l->woke_ns, s->period_ns);
}

static int64_t since_last(const struct stall *s, const struct stall_look *l)
{
    int64_t ns = l->blocked ? l->now_ns - s->now_ns : l->cpu_ns - s->cpu_ns;
    return at_most(ns, 2 * s->period_ns);
}

int64_t stall_look(struct stall *s, const struct stall_look *l)
{
    s->seen_ns = l->turn != s->turn ? first(s, l) : s->seen_ns + since_last(s, l);
    s->turn = l->turn;
    s->now_ns = l->now_ns;
    s->cpu_ns = l->cpu_ns;
    return s->seen_ns;
}
