#include "owed.h"

#include "oracle.h"
#include "pace.h"

#include <string.h>

bool owed_by(const struct ask *a, const struct sim_webhook *w)
{
    return a->event != NULL ? w->event != NULL && strcmp(w->event, a->event) == 0 : w == a->webhook;
}

static unsigned bit(const struct sim_webhook *w)
{
    return 1u << (w - sim_webhooks);
}

void owed_since(struct ask *a)
{
    for (size_t i = 0; i < sim_webhook_count; i++) {
        const struct sim_webhook *w = &sim_webhooks[i];
        bool first = w->key || a->tries == 1; /* else it may be of an earlier life */
        if (!owed_by(a, w) || !first || oracle_find_by(a->tag, w->name, "") != NULL)
            continue;
        a->owed |= bit(w);
        pace_fresh(w->integration, true);
    }
}

static void forget(struct ask *a, const struct sim_webhook *w)
{
    if ((a->owed & bit(w)) == 0)
        return;
    a->owed &= ~bit(w);
    pace_fresh(w->integration, false);
}

void owed_no_more(const char *tag, const struct sim_webhook *w)
{
    struct ask *a = clients_find(tag);
    if (a != NULL)
        forget(a, w);
}

void owed_life_ends(void)
{
    for (struct ask *a = clients_first(); a != NULL; a = a->next)
        for (size_t i = 0; i < sim_webhook_count; i++)
            if (!sim_webhooks[i].key)
                forget(a, &sim_webhooks[i]);
}

bool owed_wholly(const struct ask *a)
{
    for (size_t i = 0; i < sim_webhook_count; i++)
        if (owed_by(a, &sim_webhooks[i]) && (a->owed & bit(&sim_webhooks[i])) == 0)
            return false;
    return a->owed != 0;
}
