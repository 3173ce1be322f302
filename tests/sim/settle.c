#include "settle.h"

#include "asking.h"
#include "clients.h"
#include "core/delivery.h"
#include "core/run.h"
#include "faults.h"
#include "oracle.h"
#include "outcomes.h"
#include "owed.h"
#include "pace.h"
#include "receivers.h"
#include "retention.h"
#include "server.h"
#include "text.h"
#include "traces.h"
#include "turns.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const int64_t LOOK_EVERY_NS = 60 * NS_PER_S;
enum { LOOKS_MAX = 24 * 60, PAGE = 1000 };

/* --- waiting for the end ------------------------------------------------------------------------------------------ */

static bool any(bool runs, int state)
{
    json_t *page = asking_list(runs, state, 0, 1);
    bool some = json_array_size(json_object_get(page, runs ? "runs" : "deliveries")) > 0;
    json_decref(page);
    return some;
}

static bool is_at_rest(void)
{
    if (!clients_are_done() || !server_is_open())
        return false;
    for (int s = 0; s < DELIVERY_STATE_COUNT; s++)
        if (!delivery_state_final((enum delivery_state)s) && any(false, s))
            return false;
    for (int s = 0; s < RUN_STATE_COUNT; s++)
        if (!run_state_final((enum run_state)s) && any(true, s))
            return false;
    return !world.failed;
}

static void wait_for_rest(void)
{
    for (int i = 0; i < LOOKS_MAX && !world.failed; i++) {
        world_run(clock_now_ns() + LOOK_EVERY_NS);
        if (!world.failed && is_at_rest())
            return;
    }
    if (!world.failed)
        violation("end", "after a day without faults not everything has come to its end (%s)",
                  !clients_are_done() ? "clients wait"
                  : !server_is_open() ? "nobody serves"
                                      : "something is pending");
}

/* --- deliveries --------------------------------------------------------------------------------------------------- */

/* What was never sent: given up because the window had passed, or unknown because it was marked when the host died. */
static void check_unsent(const json_t *log)
{
    const char *state = text(log, "state"), *webhook = text(log, "webhook");
    const struct sim_webhook *w = scripts_webhook(bytes_of(webhook));
    bool lost = strcmp(state, "unknown") == 0 && w != NULL && !w->key && world.crashes > 0;
    if (!lost)
        violation("outcome", "%s %s: %s, and was never sent", webhook, text(log, "id"), state);
}

/* Sent again by hand: that was promised. */
static void check_resent(const struct delivery *d, const json_t *log)
{
    if (d->resend_owed)
        violation("lost", "%s %s: to be sent again by hand, and it was not", d->tag, text(log, "id"));
}

static void check_delivery(const char *id, struct settled *n)
{
    struct uuid u;
    if (uuid_parse(bytes_of(id), &u) != 0) {
        violation("log", "a delivery without an id");
        return;
    }
    json_t *log = asking_delivery(u);
    if (log == NULL)
        return;
    retention_check_row("delivery", log);
    n->deliveries++;
    n->attempts += json_array_size(json_object_get(log, "attempts"));
    const struct delivery *d = oracle_find(&u);
    if (d == NULL || d->first == NULL)
        check_unsent(log);
    else {
        outcomes_check(d, log);
        check_resent(d, log);
    }
    if (world.failed && world.trace)
        json_dumpf(log, stderr, JSON_INDENT(1));
    json_decref(log);
}

/* --- runs --------------------------------------------------------------------------------------------------------- */

/* What the flow was given for its send() is there, sent or, where the host died, given up. */
static void check_told(struct uuid run, const char *trace)
{
    struct uuid u;
    if (!traces_told(trace, &u)) {
        violation("flow", "send() has given no id: '%s'", trace);
        return;
    }
    json_t *it = asking_delivery(u), *still = it != NULL ? NULL : asking_run(run);
    if (it == NULL && still != NULL)
        violation("lost", "what '%s' says it was told is not there, and its run is", trace);
    json_decref(it);
    json_decref(still);
}

static void check_run(const json_t *row, struct settled *n)
{
    struct uuid u;
    const char *id = text(row, "id"), *state = text(row, "state");
    retention_check_row("run", row);
    if (strcmp(state, "canceled") == 0)
        return; /* check_ask() asks who wanted that */
    if (uuid_parse(bytes_of(id), &u) != 0 || strcmp(state, "succeeded") != 0) {
        violation("flow", "run %s is %s: %s", id, state, text(row, "error"));
        return;
    }
    json_t *run = asking_run(u);
    if (run == NULL)
        return;
    n->runs++;
    const json_t *data = json_object_get(json_object_get(run, "event"), "data");
    traces_ended(text(data, "tag"), text(run, "result"));
    check_told(u, text(run, "result"));
    json_decref(run);
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static void each_row(bool runs, struct settled *n)
{
    int64_t before = 0;
    do {
        json_t *page = asking_list(runs, -1, before, PAGE);
        const json_t *rows = json_object_get(page, runs ? "runs" : "deliveries");
        for (size_t i = 0; i < json_array_size(rows) && !world.failed; i++)
            if (runs)
                check_run(json_array_get(rows, i), n);
            else
                check_delivery(text(json_array_get(rows, i), "id"), n);
        before = strtoll(text(page, "next"), NULL, 10);
        json_decref(page);
    } while (before > 0 && !world.failed);
}

/* Each delivery that an acknowledged event must have made is in the log; those of batches are found by their tag. */
static bool is_there(const struct ask *a, const struct sim_webhook *w)
{
    bool gone = false;
    for (size_t i = 0; i < a->id_count && !world.failed; i++) {
        json_t *log = asking_delivery(a->ids[i]);
        bool it = strcmp(text(log, "webhook"), w->name) == 0;
        if (log == NULL && !retention_may_be_gone(a, &a->ids[i]))
            return false;
        gone |= log == NULL;
        json_decref(log);
        if (it)
            return true;
    }
    if (a->id_count > 0)
        return gone;
    /* Marked when the host died, and so never sent: it cannot be told which, so any will do. */
    return oracle_find_by(a->tag, w->name, "") != NULL || (!w->key && world.crashes > 0);
}

/* A cancel was acknowledged, or refused because the run had ended. */
static void check_cancel(const struct ask *a)
{
    json_t *run = a->canceled_ns != 0 || a->refused_ns != 0 ? asking_run(a->run) : NULL;
    if (run == NULL)
        return;
    const char *state = text(run, "state");
    if (a->canceled_ns != 0 && strcmp(state, "canceled") != 0)
        violation("cancel", "%s was canceled, and is %s", a->tag, state);
    if (a->refused_ns != 0 && clock_steady_since(a->refused_ns) && asking_time(run, "finished_at") > a->refused_ms)
        violation("cancel", "%s could not be canceled, and ended later", a->tag);
    json_decref(run);
}

static void check_ask(const struct ask *a)
{
    for (size_t i = 0; i < sim_webhook_count; i++) {
        const struct sim_webhook *w = &sim_webhooks[i];
        if (owed_by(a, w) && !is_there(a, w))
            violation("lost", "%s was acknowledged, and its delivery by %s is not there", a->tag, w->name);
    }
    check_cancel(a);
    if (clients_is_flow(a) && !a->cancel_asked && oracle_find_by(a->tag, "step", "last") == NULL)
        violation("lost", "%s was acknowledged, and its flow did not come to its end", a->tag);
}

struct settled settle(void)
{
    struct settled n = {0};
    world.quiet = true;
    receivers_heal();
    faults_end();
    turns_check();
    wait_for_rest();
    pace_look();
    if (!world.failed)
        retention_wait();
    if (!world.failed)
        each_row(false, &n);
    if (!world.failed)
        each_row(true, &n);
    for (const struct ask *a = clients_first(); a != NULL && !world.failed; a = a->next)
        if (a->acknowledged)
            check_ask(a);
    return n;
}
