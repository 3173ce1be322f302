#include "resends.h"

#include "clients.h"
#include "oracle.h"
#include "outcomes.h"
#include "owed.h"
#include "pace.h"
#include "server.h"

#include <stdlib.h>

struct resend {
    const struct ask *ask;
    struct uuid id;
    struct delivery *delivery; /* NULL: it was never sent */
    const struct sent *last;
    bool alone; /* no other one is under way */
    bool pending, ended;
};

/* For sure: it has not ended. */
static bool is_pending(const struct ask *a, const struct delivery *d)
{
    if (d == NULL)
        return owed_wholly(a);
    if (d->resend_asked || d->last == NULL)
        return false;
    return d->last->told ? pace_waits(d) : d->last->life == world.life && !d->at_risk;
}

/* Nothing has happened to it meanwhile, so it was pending all the time. */
static bool is_still_pending(const struct resend *r)
{
    const struct delivery *d = r->delivery;
    if (d == NULL)
        return oracle_find(&r->id) == NULL && owed_wholly(r->ask);
    return d->last == r->last && (!d->last->told || pace_waits(d));
}

static void check_taken(const struct resend *r)
{
    if (r->pending && is_still_pending(r))
        violation("resend", "%s: to be sent again, and it has not ended", r->ask->tag);
}

static void check_refused(const struct resend *r, int status)
{
    bool gone = status == 404 && world.keep_ms > 0;
    if (r->ended && r->alone && !gone)
        violation("resend", "%s: has ended, and a resend is answered %d", r->ask->tag, status);
}

static void on_answer(void *ud, int status, struct bytes json)
{
    struct resend *r = ud;
    if (status == 202)
        check_taken(r);
    else if (status == 409 || status == 404)
        check_refused(r, status);
    else if (status != 0 && status != 503)
        violation("answer", "a resend is answered %d %.*s", status, (int)json.len, json.data);
    if (r->delivery != NULL)
        oracle_resend_answered(r->delivery, status, r->alone && r->delivery->last == r->last);
    free(r);
}

static bool has_pending(const struct ask *a)
{
    for (size_t i = 0; i < a->id_count; i++)
        if (is_pending(a, oracle_find(&a->ids[i])))
            return true;
    return false;
}

static const struct uuid *pick_id(const struct ask *a, uint64_t pick)
{
    for (size_t i = 0; (pick & 1) != 0 && i < a->id_count; i++)
        if (is_pending(a, oracle_find(&a->ids[i])))
            return &a->ids[i];
    return &a->ids[(pick >> 32) % a->id_count];
}

static struct resend *resend_new(const struct ask *a, const struct uuid *id)
{
    struct resend *r = world_alloc(sizeof *r);
    struct delivery *d = oracle_find(id);
    *r = (struct resend){.ask = a, .id = *id, .delivery = d, .alone = true, .pending = is_pending(a, d)};
    if (d == NULL)
        return r;
    r->last = d->last;
    r->alone = !d->resend_asked;
    r->ended = outcomes_settled(d, clock_now_ns());
    oracle_resend_asked(d);
    return r;
}

void resends_ask(uint64_t pick)
{
    const struct ask *a = (pick & 1) != 0 ? clients_pick(pick >> 1, has_pending) : NULL;
    if (a == NULL)
        a = clients_pick(pick >> 1, clients_has_ids);
    if (a == NULL || !server_is_open())
        return;
    const struct uuid *id = pick_id(a, pick);
    char name[UUID_TEXT_SIZE];
    uuid_format(id, name);
    note("%s: %s is sent again by hand", a->tag, name);
    struct api_call *c = server_call(on_answer, resend_new(a, id));
    if (server_may_accept(c))
        server_ops()->resend(server_ops_ud(), *id, c);
}
