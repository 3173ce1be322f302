#include "sleeps.h"

#include "clients.h"
#include "troubles.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const int64_t GRAIN_MS = MS_PER_S; /* ids of one moment may run ahead of it */
static const int64_t LATE_NS = 60 * NS_PER_S;
static const int64_t SLEEP_MS = 180 * MS_PER_S, TIMEOUT_MS = 7200 * MS_PER_S; /* as scripts.c has them */
enum { ID_TIME = 6 };

/* The first 48 bits of a UUID of version 7. */
static int64_t made_ms(const struct delivery *d)
{
    int64_t ms = 0;
    for (int i = 0; i < ID_TIME; i++)
        ms = ms << 8 | d->id.b[i];
    return ms;
}

/* As clocks are set now. */
static int64_t ns_of(int64_t ms)
{
    return clock_now_ns() - (clock_wall_ms() - ms) * NS_PER_MS;
}

static void check_late(const struct delivery *d, const char *after, int64_t due_ns)
{
    if (ns_of(made_ms(d)) > clock_later(due_ns, troubles_last_ns()) + LATE_NS)
        violation("sleep", "%s: step %s came %" PRId64 " ms late after %s", d->tag, d->step,
                  (int64_t)((ns_of(made_ms(d)) - due_ns) / NS_PER_MS), after);
}

static void check_early(const struct delivery *d, const char *after, int64_t due_ms)
{
    if (made_ms(d) < due_ms - GRAIN_MS)
        violation("sleep", "%s: step %s came %" PRId64 " ms early after %s", d->tag, d->step, due_ms - made_ms(d),
                  after);
}

/* It was to begin `pause_ms` after `from_ms`, when the host was about to hear of what that pause came after. */
static void check(const struct delivery *d, const char *after, int64_t from_ms, int64_t pause_ms)
{
    check_early(d, after, from_ms + pause_ms);
    check_late(d, after, troubles_over_ns(ns_of(from_ms)) + pause_ms * NS_PER_MS);
}

/* The last request of that step, if it has succeeded: then the run has gone on at once. */
static const struct sent *success(const char *tag, const char *step)
{
    const struct delivery *d = oracle_find_by(tag, "step", step);
    return d != NULL && d->last != NULL && oracle_succeeded(d->last) ? d->last : NULL;
}

static void check_sleep(const struct delivery *d)
{
    const struct sent *first = success(d->tag, "first");
    const struct ask *flow = clients_find(d->tag);
    if (first != NULL && flow != NULL && clock_steady_since(first->at_ns))
        check(d, "its sleep", first->end_ms, flow->pause_s * MS_PER_S);
}

/* Its sleep began as the other branch made its request. */
static void check_branch(const struct delivery *d)
{
    const struct sent *first = success(d->tag, "first");
    const struct delivery *a = oracle_find_by(d->tag, "step", "a");
    if (first != NULL && a != NULL && clock_steady_since(first->at_ns))
        check(d, "its sleep in a branch", made_ms(a), SLEEP_MS);
}

/* "…;approved=e17;…"; NULL: nobody did. */
static const struct ask *approval(const char *trace)
{
    char by[SIM_TAG];
    const char *at = strstr(trace, ";approved=");
    if (at == NULL)
        return NULL;
    at += strlen(";approved=");
    snprintf(by, sizeof by, "%.*s", (int)strcspn(at, ";"), at);
    return clients_find(by);
}

static void check_wait(const struct delivery *d, const char *trace)
{
    const struct sent *a = success(d->tag, "a"), *b = success(d->tag, "b");
    const struct ask *by = approval(trace);
    if (a == NULL || b == NULL || !clock_steady_since(a->at_ns < b->at_ns ? a->at_ns : b->at_ns))
        return;
    int64_t began_ms = clock_later(a->end_ms, b->end_ms);
    if (by == NULL) {
        check(d, "it had waited in vain", began_ms, TIMEOUT_MS);
        return;
    }
    check_early(d, "its last step", began_ms);
    if (by->acknowledged)
        check_late(d, by->tag, clock_later(troubles_over_ns(ns_of(began_ms)), by->acknowledged_ns));
}

/* What a run was about to do when it was canceled may be done. */
static void check_cancel(const struct delivery *d)
{
    const struct ask *flow = clients_find(d->tag);
    if (flow != NULL && flow->canceled_ns != 0 && clock_steady_since(flow->canceled_ns) &&
        made_ms(d) > flow->canceled_ms + GRAIN_MS)
        violation("cancel", "%s: step %s began %" PRId64 " ms after it was canceled", d->tag, d->step,
                  made_ms(d) - flow->canceled_ms);
}

void sleeps_sent(const struct delivery *d, const char *trace)
{
    check_cancel(d);
    if (strcmp(d->step, "told") == 0)
        check_sleep(d);
    else if (strcmp(d->step, "b") == 0)
        check_branch(d);
    else if (strcmp(d->step, "last") == 0)
        check_wait(d, trace);
}
