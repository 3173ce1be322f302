#include "retention.h"

#include "asking.h"
#include "oracle.h"
#include "owed.h"
#include "rule.h"
#include "server.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const int64_t GRAIN_MS = MS_PER_S;
/* It comes round once a minute, and what a disk made fail once more; each round is over in seconds. */
static const int64_t LATE_MS = 3 * 60 * MS_PER_S;

/* --- what must stay ----------------------------------------------------------------------------------------------- */

static bool has_keyless(const struct ask *a)
{
    for (size_t i = 0; i < sim_webhook_count; i++)
        if (owed_by(a, &sim_webhooks[i]) && !sim_webhooks[i].key)
            return true;
    return false;
}

/* By the rule; where it has another attempt, the window ends it. */
static int64_t ended_ms(const struct delivery *d)
{
    if (!d->last->told)
        return d->last->at_ms;
    return rule_goes_on(d) ? d->series->at_ms + d->webhook->within_ms : d->last->end_ms;
}

bool retention_may_be_gone(const struct ask *a, const struct uuid *id)
{
    const struct delivery *d = oracle_find(id);
    if (world.keep_ms == 0)
        return false;
    if (d == NULL || d->last == NULL) /* marked when the host died, which ends it */
        return world.crashes > 0 && has_keyless(a);
    if (!d->last->told && !d->was_at_risk)
        return false; /* in flight */
    return clock_wall_ms() - ended_ms(d) > world.keep_ms - clock_jumps_ms() - GRAIN_MS;
}

struct looking {
    const struct ask *ask;
    struct uuid id;
};

static void on_looked(void *ud, int status, struct bytes json)
{
    struct looking *l = ud;
    (void)json;
    if (status == 404 && !retention_may_be_gone(l->ask, &l->id))
        violation("lost", "a delivery of %s is not there any more", l->ask->tag);
    free(l);
}

/* Something of it is not sent yet, or has another attempt to come. */
static bool is_pending(const struct ask *a)
{
    for (size_t i = 0; i < a->id_count; i++) {
        const struct delivery *d = oracle_find(&a->ids[i]);
        if (d == NULL || d->last == NULL || rule_goes_on(d))
            return true;
    }
    return false;
}

static void look_for(const struct ask *a, const struct uuid *id)
{
    struct looking *l = world_alloc(sizeof *l);
    *l = (struct looking){.ask = a, .id = *id};
    server_ops()->delivery(server_ops_ud(), l->id, server_call(on_looked, l));
}

void retention_look(uint64_t pick)
{
    const struct ask *a = pick % 2 == 0 ? clients_pick(pick >> 1, is_pending) : NULL;
    if (a == NULL)
        a = clients_pick(pick >> 1, clients_has_ids);
    for (size_t i = 0; a != NULL && i < a->id_count && server_is_open(); i++)
        look_for(a, &a->ids[i]);
}

/* --- what must go ------------------------------------------------------------------------------------------------- */

void retention_wait(void)
{
    if (world.keep_ms > 0)
        world_run(clock_now_ns() + LATE_MS * NS_PER_MS);
}

/* Those of runs stay as long as their run. Where the clock was set back, rows are not in the order of their times. */
void retention_check_row(const char *what, const json_t *row)
{
    int64_t finished_ms = asking_time(row, "finished_at");
    if (world.keep_ms == 0 || finished_ms < 0 || json_is_object(json_object_get(row, "run")))
        return;
    int64_t over_ms = clock_wall_ms() - finished_ms - world.keep_ms;
    if (over_ms > LATE_MS + clock_jumps_ms())
        violation("kept", "%s %s is there %" PRId64 " s longer than it was to be kept", what, text(row, "id"),
                  (int64_t)(over_ms / MS_PER_S));
}
