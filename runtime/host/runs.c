#include "host/runs.h"

#include "core/units.h"
#include "host/runs_fresh.h"
#include "host/runs_internal.h"
#include "host/runs_load.h"
#include "host/scripts.h"
#include "host/turn.h"

#include <stdlib.h>
#include <string.h>

static void on_written(struct store_write *w, const struct err *failure);

/* --- the table, and those that wait ------------------------------------------------------------------------------- */

static size_t bucket_of(int64_t seq)
{
    return (size_t)seq % RUNS_BUCKETS;
}

struct run *runs_find(const struct runs *rs, int64_t seq)
{
    struct run *r = rs->buckets[bucket_of(seq)];
    while (r != NULL && r->seq != seq)
        r = r->chain;
    return r;
}

void runs_add(struct runs *rs, struct run *r)
{
    struct run **b = &rs->buckets[bucket_of(r->seq)];
    r->chain = *b;
    *b = r;
    rs->count++;
}

void runs_unlink(struct runs *rs, struct run *r)
{
    if (r->list == &rs->fresh)
        rs->fresh_bytes -= r->input.len;
    else if (r->list == &rs->idle)
        rs->idle_bytes -= r->bytes;
    run_list_remove(r);
}

void runs_drop(struct runs *rs, struct run *r)
{
    runs_unlink(rs, r);
    for (struct run **at = &rs->buckets[bucket_of(r->seq)]; *at != NULL; at = &(*at)->chain)
        if (*at == r) {
            *at = r->chain;
            break;
        }
    rs->count--;
    run_free(r);
}

/* One of earlier scripts would keep them in memory. */
static void link_idle(struct runs *rs, struct run *r)
{
    if (r->script != rs->scripts->seq) {
        runs_drop(rs, r);
        return;
    }
    r->idle_ns = rs->env->mono_ns();
    rs->idle_bytes += r->bytes;
    run_list_push(&rs->idle, r);
    while (rs->idle.count > RUNS_IDLE_MAX || rs->idle_bytes > RUNS_IDLE_BYTES)
        runs_drop(rs, rs->idle.first);
}

void runs_let_go(struct runs *rs)
{
    while (rs->idle.first != NULL)
        runs_drop(rs, rs->idle.first);
}

/* --- going on ----------------------------------------------------------------------------------------------------- */

static const char TOO_LONG[] = "it was given more than 64 MiB of answers and events: it could not be replayed";
static const char NO_MEMORY[] = "it alone needs more memory than its scripts may have";

/* It is read again in a moment. */
static void put_off(struct runs *rs, struct run *r)
{
    int64_t seq = r->seq;
    runs_drop(rs, r);
    runs_load_later(rs, seq);
}

static void stop(struct runs *rs, struct run *r, enum task_end end, const char *message)
{
    runs_unlink(rs, r);
    if (turn_stop(r, end, message, on_written) != 0)
        put_off(rs, r);
    else
        rs->writing++;
}

static void park(struct runs *rs, struct run *r, const char *message)
{
    stop(rs, r, TASK_PARKED, message);
}

/* Its scripts have come to their cap: others may let go of theirs. */
static void leave(struct runs *rs, struct run *r)
{
    bool again = rs->short_seq == r->seq;
    rs->short_seq = r->seq;
    runs_unlink(rs, r); /* it may be one of these */
    runs_let_go(rs);
    if (again)
        park(rs, r, NO_MEMORY);
    else
        put_off(rs, r);
}

void runs_short(struct runs *rs, struct run *r, const struct err *e)
{
    if (e->domain == ERR_MEMORY)
        put_off(rs, r);
    else
        leave(rs, r);
}

static void go(struct runs *rs, struct run *r)
{
    enum turn_end end = turn_go(r, on_written);
    if (end == TURN_FULL)
        leave(rs, r);
    else if (end == TURN_STARVED)
        put_off(rs, r);
    else
        rs->writing++;
}

void runs_go(struct runs *rs, struct run *r)
{
    runs_unlink(rs, r);
    if (r->journal > RUNS_JOURNAL_MAX)
        stop(rs, r, TASK_FAILED, TOO_LONG);
    else
        go(rs, r);
}

/* Makes the task and tells it the journal. 0; 1: its scripts are being read; -1: `e` says why not. */
static int make_task(struct runs *rs, struct run *r, const struct store_run *row, const struct store_step *steps,
                     struct err *e)
{
    const char *failure;
    if (row->too_big)
        return err_set(e, ERR_SCRIPT, 0,
                       "its journal holds more than %d MiB of answers and results, too much to replay",
                       STORE_RUN_BYTES_MAX >> 20);
    struct generation *g = scripts_find(rs->scripts, r->script, &failure);
    if (g == NULL && failure == NULL)
        return 1;
    if (g == NULL)
        return err_set(e, ERR_SCRIPT, 0, "the scripts that it started under do not load any more: %.400s", failure);
    struct task_start start = {
        .id = r->id, .flow = row->flow, .envelope = row->input, .event_id = r->event_id, .started_ms = r->created_ms};
    if (task_new(g, &start, &r->task, e) != 0)
        return -1;
    return runs_load_journal(r, steps, row->step_count, e);
}

/* It waits in memory, and its time may be up. */
static void check_time(struct runs *rs, struct run *r)
{
    struct err e;
    int up = run_time_up(r, rs->env->wall_ms(), &e);
    if (up < 0)
        runs_short(rs, r, &e);
    else if (up > 0)
        runs_go(rs, r);
    else if (run_due(r) != 0)
        runs_load_due(rs, run_due(r)); /* the clock was set back meanwhile */
}

int runs_begin_one(struct runs *rs, struct run *r, const struct store_run *row, const struct store_step *steps)
{
    struct err e;
    int rc = make_task(rs, r, row, steps, &e);
    if (rc == 1) {
        runs_drop(rs, r);
        return 1;
    }
    free((char *)r->input.data);
    r->input = (struct bytes){0};
    if (rc != 0 && (e.domain == ERR_MEMORY || task_is_full(&e)))
        runs_short(rs, r, &e);
    else if (rc != 0)
        park(rs, r, e.message);
    else if (run_time_up(r, rs->env->wall_ms(), &e) < 0)
        runs_short(rs, r, &e);
    else
        runs_go(rs, r);
    return 0;
}

int runs_resume(struct runs *rs, const struct store_run *row, const struct store_step *steps)
{
    struct run *r = runs_find(rs, row->seq);
    if (r != NULL) {
        if (r->turn == NULL && r->task != NULL)
            check_time(rs, r);
        return 0;
    }
    r = run_new(rs, row);
    if (r == NULL) {
        runs_load_later(rs, row->seq);
        return 0;
    }
    runs_add(rs, r);
    return runs_begin_one(rs, r, row, steps);
}

static void log_end(struct runs *rs, const struct store_run *row)
{
    static const struct {
        const char *event;
        enum log_level level;
    } how[RUN_STATE_COUNT] = {
        [RUN_SUCCEEDED] = {"run.succeeded", LOG_INFO},
        [RUN_FAILED] = {"run.failed", LOG_ERROR},
        [RUN_PARKED] = {"run.parked", LOG_ERROR},
    };
    struct counters *c = &rs->env->counters;
    c->runs_succeeded += row->state == RUN_SUCCEEDED;
    c->runs_failed += row->state == RUN_FAILED;
    c->runs_parked += row->state == RUN_PARKED;
    log_line(rs->env->log, how[row->state].level, how[row->state].event, LOG_BYTES("flow", row->flow),
             LOG_UUID("run", &row->id), LOG_INT("steps", row->steps),
             row->message.len > 0 ? LOG_BYTES("message", row->message) : LOG_STR("message", ""));
}

void runs_accepted(struct runs *rs, const struct store_run *row)
{
    rs->env->counters.runs++;
    if (row->state == RUN_FAILED)
        log_end(rs, row);
    if (row->state != RUN_READY)
        return;
    if (runs_fresh_keep(rs, row) != 0)
        runs_load_left(rs, row->seq);
    runs_load_next(rs);
}

/* --- what has been written down ----------------------------------------------------------------------------------- */

static void ended(struct runs *rs, struct run *r, struct turn *t)
{
    struct store_run row = t->advance.run;
    row.flow = bytes_of(r->flow);
    if (row.state == RUN_SUCCEEDED)
        row.message = (struct bytes){0};
    log_end(rs, &row);
    runs_drop(rs, r);
    if (t->advance.next_of_key != 0)
        runs_wake(rs, t->advance.next_of_key);
}

/* The answer may come at once, and the run be gone then. */
static void ask_managed(struct runs *rs, struct run *r)
{
    int64_t seq = r->seq;
    for (struct open_step *s; r != NULL && (s = run_to_ask(r)) != NULL; r = runs_find(rs, seq)) {
        s->asked = true;
        rs->manage(rs->ud, seq, &r->id, s->number, s->name);
    }
}

/* It is written down that it waits. */
static void waits(struct runs *rs, struct run *r, bool woken)
{
    struct err e;
    int up = r->told ? 1 : run_time_up(r, rs->env->wall_ms(), &e);
    int64_t due_ms = run_due(r);
    if (up < 0)
        runs_short(rs, r, &e);
    else if (up > 0 && !rs->held)
        runs_go(rs, r);
    else if (r->stale || (woken && !r->told)) {
        int64_t seq = r->seq;
        runs_drop(rs, r);
        runs_wake(rs, seq);
    } else {
        if (due_ms != 0)
            runs_load_due(rs, due_ms);
        if (run_is_managing(r))
            ask_managed(rs, r);
        else
            link_idle(rs, r);
    }
}

static void on_written(struct store_write *w, const struct err *failure)
{
    struct turn *t = (struct turn *)w;
    struct run *r = t->run;
    struct runs *rs = r->runs;
    rs->writing--;
    rs->due_writing -= r->was_due;
    r->was_due = false;
    r->turn = NULL;
    if (failure != NULL) {
        log_line(rs->env->log, LOG_ERROR, "store.run", LOG_STR("flow", r->flow), LOG_STR("error", failure->message));
        if (r->stopping)
            runs_drop(rs, r);
        else
            park(rs, r, failure->message);
    } else if (t->advance.superseded) {
        int64_t seq = r->seq;
        runs_drop(rs, r);
        runs_load_wake(rs, seq); /* what it was told meanwhile is in the store */
    } else {
        r->mark = t->advance.mark;
        r->written = t->advance.run.steps;
        rs->short_seq = rs->short_seq == r->seq ? 0 : rs->short_seq;
        outbox_offer(&t->outbox);
        runs_load_passed(rs, r->seq);
        if (r->dropped)
            runs_drop(rs, r);
        else if (run_state_final(t->advance.run.state))
            ended(rs, r, t);
        else
            waits(rs, r, t->advance.woken);
    }
    turn_free(t);
    runs_load_next(rs);
}

/* --- beginning and ending ----------------------------------------------------------------------------------------- */

void runs_init(struct runs *rs, struct env *env, struct dispatch *d, struct scripts *s)
{
    *rs = (struct runs){.env = env, .dispatch = d, .scripts = s, .held = true};
    runs_load_init(rs);
    runs_fresh_init(rs);
}

void runs_fini(struct runs *rs)
{
    for (size_t i = 0; i < RUNS_BUCKETS; i++)
        for (struct run *r = rs->buckets[i], *next; r != NULL; r = next) {
            next = r->chain;
            if (r->turn != NULL)
                turn_free(r->turn);
            run_free(r);
        }
    if (rs->env != NULL) {
        timer_stop(rs->env->timers, &rs->due);
        timer_stop(rs->env->timers, &rs->held_off);
        timer_stop(rs->env->timers, &rs->make_room);
    }
    free(rs->passed);
    forms_fini(&rs->forms);
    *rs = (struct runs){.held = true};
}

void runs_begin(struct runs *rs)
{
    rs->held = false;
    runs_load_left(rs, 0);
    runs_load_due(rs, 1);
    runs_load_next(rs);
}

void runs_stop(struct runs *rs)
{
    rs->held = true;
}
