#include "turns.h"

#include "owed.h"

#include <inttypes.h>
#include <string.h>

/* Those accepted at the same time are in any order. */
static const int64_t GRAIN_NS = 60 * NS_PER_S;
enum { WEBHOOKS_MAX = 16 };

/* Of each webhook: when the latest event of which something has left in this life was sent for the first time. */
static int64_t latest_ns[WEBHOOKS_MAX];
static int64_t life_ns;

void turns_sent(const struct delivery *d)
{
    size_t w = (size_t)(d->webhook - sim_webhooks);
    const struct ask *a = clients_find(d->tag);
    if (a != NULL && d->webhook->event != NULL && a->began_ns > latest_ns[w])
        latest_ns[w] = a->began_ns;
}

/* What had no key and was marked when the host died is not sent any more. */
static bool may_be_unknown(const struct ask *a, const struct sim_webhook *w)
{
    return !w->key && a->began_ns <= life_ns;
}

static void check(const struct ask *a)
{
    for (size_t i = 0; i < sim_webhook_count; i++) {
        const struct sim_webhook *w = &sim_webhooks[i];
        if (owed_by(a, w) && a->acknowledged_ns + GRAIN_NS < latest_ns[i] && !may_be_unknown(a, w) &&
            oracle_find_by(a->tag, w->name, "") == NULL)
            violation("turn", "%s was passed over by %s: one of %" PRId64 " s later has left", a->tag, w->name,
                      (int64_t)((latest_ns[i] - a->acknowledged_ns) / NS_PER_S));
    }
}

void turns_check(void)
{
    for (const struct ask *a = clients_first(); a != NULL; a = a->next)
        if (a->event != NULL && a->acknowledged)
            check(a);
}

void turns_life_ends(void)
{
    turns_check();
    life_ns = clock_now_ns();
    memset(latest_ns, 0, sizeof latest_ns);
}
