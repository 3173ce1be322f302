/* runs: what comes from outside: wake-ups, ends of steps, that a person canceled one. */
#include "host/runs_internal.h"
#include "host/runs_load.h"

void runs_wake(struct runs *rs, int64_t seq)
{
    struct run *r = runs_find(rs, seq);
    if (r != NULL && r->turn != NULL) {
        r->stale = true;
        return;
    }
    if (r != NULL)
        runs_drop(rs, r);
    runs_load_wake(rs, seq);
    runs_load_next(rs);
}

/* A step that the run waits for has ended, and the store counts it. `entry` lacks what the step itself says. */
static void told(struct runs *rs, struct run *r, struct open_step *s, struct task_entry *entry)
{
    int64_t seq = r->seq;
    entry->number = s->number;
    entry->kind = s->kind;
    entry->path = s->path;
    entry->name = s->name;
    if (task_put(r->task, entry, NULL) != 0) {
        runs_wake(rs, seq);
        return;
    }
    run_close(r, s);
    runs_unlink(rs, r);
    r->seen++;
    run_count(r, entry->result, entry->answer);
    if (r->turn != NULL)
        r->told = true;
    else if (!rs->held)
        runs_go(rs, r);
}

void runs_event(struct runs *rs, const struct store_woken *w, int64_t event_seq, int64_t now_ms, struct bytes result)
{
    struct run *r = runs_find(rs, w->run);
    struct open_step *s = r == NULL ? NULL : run_find(r, w->step);
    if (s == NULL || s->ended_ms != 0 || r->stale || run_note_event(r, s->match, event_seq) != 0) {
        runs_wake(rs, w->run);
        return;
    }
    struct task_entry entry = {.ended_ms = now_ms, .result = result};
    told(rs, r, s, &entry);
}

void runs_step_ended(struct runs *rs, const struct live *l, const struct store_step_end *end,
                     const struct attempt *answer)
{
    struct run *r = runs_find(rs, end->run);
    struct open_step *s = r == NULL ? NULL : run_find(r, end->step);
    if (s == NULL || r->stale || (end->attempt != 0 && answer == NULL)) {
        runs_wake(rs, end->run); /* the store has the answer */
        return;
    }
    struct task_entry entry = {.ended_ms = end->ended_ms, .result = end->result, .delivery = &l->id, .answer = answer};
    told(rs, r, s, &entry);
}

void runs_managed(struct runs *rs, int64_t seq, int step, struct bytes result)
{
    struct run *r = runs_find(rs, seq);
    struct open_step *s = r == NULL ? NULL : run_find(r, step);
    if (s == NULL || s->ended_ms != 0)
        return;
    struct err e;
    err_memory(&e);
    bool told = result.len > 0 && run_done(r, s, rs->env->wall_ms(), result, &e) == 0;
    if (r->turn != NULL) {
        r->told = told;
        r->stale = r->stale || !told;
    } else if (!told)
        runs_short(rs, r, &e);
    else if (!rs->held)
        runs_go(rs, r);
}

void runs_canceled(struct runs *rs, int64_t seq)
{
    struct run *r = runs_find(rs, seq);
    rs->env->counters.runs_canceled++;
    if (r != NULL && r->turn != NULL)
        r->dropped = true;
    else if (r != NULL)
        runs_drop(rs, r);
}
