#include "calls.h"

#include "clients.h"
#include "faults.h"
#include "outcomes.h"
#include "server.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAIT_MS = 10000 };
static const int64_t SOON_NS = 2 * NS_PER_S; /* after an outcome, who waits for it knows it */

struct call {
    struct ask *ask;
    bool waits;
    int64_t began_ns;
};

static void take_id(struct ask *a, const json_t *answer)
{
    if (uuid_parse(bytes_of(text(answer, "id")), &a->ids[0]) != 0)
        violation("answer", "%s: a call is answered without an id", a->tag);
    a->id_count = 1;
    clients_acknowledge(a);
}

/* 200: it has ended, and it is said how; not long after it has. */
static void check_outcome(const struct call *c, const json_t *answer)
{
    const struct delivery *d = oracle_find(&c->ask->ids[0]);
    if (!outcomes_is_final(answer))
        violation("wait", "%s: waited for, and it is %s", c->ask->tag, text(answer, "state"));
    outcomes_check_now(answer, clock_now_ns());
    if (d != NULL && d->last != NULL && clock_now_ns() - d->last->end_ns > SOON_NS &&
        faults_sound_ns() < d->last->end_ns)
        violation("wait", "%s: waited for, and its outcome is told %.1f s late", c->ask->tag,
                  (double)(clock_now_ns() - d->last->end_ns) / 1e9);
}

/* 202: not ended when the time was up, or the host stops. */
static void check_unended(const struct call *c)
{
    int64_t waited_ms = (clock_now_ns() - c->began_ns) / NS_PER_MS;
    const struct delivery *d = oracle_find(&c->ask->ids[0]);
    if (waited_ms < WAIT_MS && !world.stopping)
        violation("wait", "%s: to be waited for, and answered after %" PRId64 " ms", c->ask->tag, waited_ms);
    if (d != NULL && outcomes_settled(d, clock_now_ns()))
        violation("wait", "%s: it has ended, and who waits for it does not hear of it", c->ask->tag);
}

static void check_answer(const struct call *c, int status, struct bytes json)
{
    json_t *answer = json_loadb(json.data, json.len, JSON_ALLOW_NUL, NULL);
    if (status != 202 && !(status == 200 && c->waits))
        violation("answer", "%s: a call is answered %d %.*s", c->ask->tag, status, (int)json.len, json.data);
    take_id(c->ask, answer);
    if (status == 200)
        check_outcome(c, answer);
    else if (c->waits)
        check_unended(c);
    json_decref(answer);
}

static void on_answer(void *ud, int status, struct bytes json)
{
    struct call *c = ud;
    if (status == 0 || status == 503)
        clients_give_up(c->ask);
    else
        check_answer(c, status, json);
    free(c);
}

void calls_make(int number, const struct sim_webhook *w, bool wait)
{
    char tag[SIM_TAG];
    struct buf data;
    if (!server_is_open())
        return;
    snprintf(tag, sizeof tag, "e%d", number);
    struct call *c = world_alloc(sizeof *c);
    struct ask *a = c->ask = clients_add(tag);
    c->waits = wait;
    c->began_ns = clock_now_ns();
    a->webhook = w;
    a->tries = 1;
    buf_init(&data);
    clients_put_data(&data, a);
    note("%s: webhook %s is called%s", tag, w->name, wait ? " and waited for" : "");
    struct api_call *call = server_call(on_answer, c);
    if (wait)
        server_call_waits(call, WAIT_MS);
    if (server_may_accept(call))
        server_ops()->webhook(server_ops_ud(), w->name, buf_view(&data), wait ? WAIT_MS : -1, call);
    buf_fini(&data);
}
