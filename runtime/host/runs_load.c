#include "host/runs_load.h"

#include "core/units.h"
#include "host/runs_fresh.h"
#include "host/runs_internal.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES_AT_A_TIME = 4 << 20, AGAIN_MS = 1000 };
enum { TURN_WAKES, TURN_DUE, TURN_LEFT, TURNS };

/* --- when --------------------------------------------------------------------------------------------------------- */

static void arm(struct runs *rs, int64_t in_ms)
{
    timer_start(rs->env->timers, &rs->due, rs->env->mono_ns() + (in_ms > 0 ? in_ms : 0) * NS_PER_MS);
}

/* Sleeps by the wall clock: a step of it, as after a suspended machine, is noticed within a minute. */
static void arm_due(struct runs *rs)
{
    if (rs->next_due_ms == 0)
        return;
    int64_t in_ms = rs->next_due_ms - rs->env->wall_ms();
    arm(rs, in_ms < 60 * MS_PER_S ? in_ms : 60 * MS_PER_S);
}

static void on_due(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    struct runs *rs = (struct runs *)((char *)t - offsetof(struct runs, due));
    if (rs->next_due_ms != 0 && rs->next_due_ms <= rs->env->wall_ms())
        rs->due_now = true;
    else
        arm_due(rs);
    runs_load_next(rs);
}

static void on_held_off(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    runs_load_next((struct runs *)((char *)t - offsetof(struct runs, held_off)));
}

static void hold_off(struct runs *rs)
{
    rs->not_before_ns = rs->env->mono_ns() + AGAIN_MS * NS_PER_MS;
    timer_start(rs->env->timers, &rs->held_off, rs->not_before_ns);
}

void runs_load_init(struct runs *rs)
{
    timer_init(&rs->due, on_due);
    timer_init(&rs->held_off, on_held_off);
}

void runs_load_due(struct runs *rs, int64_t due_ms)
{
    if (rs->next_due_ms != 0 && rs->next_due_ms <= due_ms)
        return;
    rs->next_due_ms = due_ms;
    if (!rs->due_now)
        arm_due(rs);
}

void runs_load_left(struct runs *rs, int64_t seq)
{
    int64_t below = seq > 0 ? seq - 1 : 0;
    if (!rs->left || below < rs->cursor)
        rs->cursor = below;
    rs->left = true;
}

/* A run that was due is not READY in the store: it is found by its time. */
void runs_load_later(struct runs *rs, int64_t seq)
{
    runs_load_left(rs, seq);
    runs_load_due(rs, rs->env->wall_ms() + AGAIN_MS);
    hold_off(rs);
}

void runs_load_wake(struct runs *rs, int64_t seq)
{
    if (rs->wake_count == RUNS_WAKES_MAX)
        runs_load_left(rs, seq);
    else
        rs->wakes[rs->wake_count++] = seq;
}

void runs_scripts_found(struct runs *rs)
{
    if (rs->due_blocked)
        runs_load_due(rs, 1);
    if (rs->left_blocked != 0)
        runs_load_left(rs, rs->left_blocked);
    rs->due_blocked = false;
    rs->left_blocked = 0;
    runs_load_next(rs);
}

/* Not left: they would be read over and over until the scripts are there. */
void runs_load_blocked(struct runs *rs, int64_t seq)
{
    if (rs->left_blocked == 0 || seq < rs->left_blocked)
        rs->left_blocked = seq;
}

/* --- what came ---------------------------------------------------------------------------------------------------- */

static int put(struct run *r, const struct store_step *s, struct err *e)
{
    bool has_delivery = s->kind == STEP_CALL || s->kind == STEP_SEND;
    struct task_entry entry = {
        .number = s->number,
        .kind = s->kind,
        .path = s->path,
        .name = s->name,
        .ended_ms = s->ended_ms,
        .result = s->result,
        .delivery = has_delivery ? &s->delivery : NULL,
        .answer = s->answer,
    };
    run_count(r, s->result, s->answer);
    if (task_put(r->task, &entry, e) != 0)
        return -1;
    bool by_event = s->kind == STEP_WAIT && s->ended_ms != 0 && s->ref != 0;
    if (by_event && run_note_event(r, s->match, s->ref) != 0)
        return err_memory(e);
    return s->ended_ms != 0 || run_open(r, s) == 0 ? 0 : err_memory(e);
}

int runs_load_journal(struct run *r, const struct store_step *steps, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        if (put(r, &steps[i], e) != 0)
            return -1;
    return 0;
}

/* Their scripts are being read: they are looked for again when these are there. */
static void postpone(struct runs *rs, const struct store_run *row)
{
    if (rs->load.what == STORE_LOAD_DUE)
        rs->due_blocked = true;
    else
        runs_load_blocked(rs, row->seq);
}

/* Until its turn is committed the store would name it again. */
static void count_due(struct runs *rs, int64_t seq)
{
    struct run *r = runs_find(rs, seq);
    if (r == NULL || r->turn == NULL || r->was_due)
        return;
    r->was_due = true;
    rs->due_writing++;
}

void runs_load_passed(struct runs *rs, int64_t seq)
{
    if (!rs->loading || rs->passed_lost)
        return;
    if (rs->passed_count == rs->passed_cap) {
        size_t cap = rs->passed_cap == 0 ? 256 : rs->passed_cap * 2;
        int64_t *more = realloc(rs->passed, cap * sizeof *more);
        rs->passed_lost = more == NULL;
        if (more == NULL)
            return;
        rs->passed = more;
        rs->passed_cap = cap;
    }
    rs->passed[rs->passed_count++] = seq;
}

static bool has_passed(const struct runs *rs, int64_t seq)
{
    for (size_t i = 0; i < rs->passed_count; i++)
        if (rs->passed[i] == seq)
            return true;
    return false;
}

static void take(struct runs *rs, const struct store_read_runs *a)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct store_run *row = &a->runs[i];
        if (has_passed(rs, row->seq))
            continue;
        if (rs->held || runs_resume(rs, row, a->steps == NULL ? NULL : a->steps + row->first_step) == 1)
            postpone(rs, row);
        else if (a->what == STORE_LOAD_DUE)
            count_due(rs, row->seq);
    }
}

static void read_failed(struct runs *rs, const struct err *failure)
{
    log_line(rs->env->log, LOG_ERROR, "store.read", LOG_STR("error", failure->message));
    for (size_t i = 0; i < rs->load.seq_count; i++)
        runs_load_left(rs, rs->asked[i]);
    if (rs->load.what == STORE_LOAD_READY)
        runs_load_left(rs, rs->load.base.after_seq + 1);
    else if (rs->load.what == STORE_LOAD_DUE)
        runs_load_due(rs, rs->env->wall_ms() + AGAIN_MS);
    hold_off(rs);
}

/* The limits cut it: those that were named behind the last that came are still to be read. */
static void ask_again(struct runs *rs, const struct store_read_runs *a)
{
    size_t i = 0;
    while (i < a->seq_count && rs->asked[i] != a->runs[a->count - 1].seq)
        i++;
    for (i++; i < a->seq_count; i++)
        runs_load_wake(rs, rs->asked[i]);
}

static void answered(struct runs *rs)
{
    const struct store_read_runs *a = &rs->load;
    if (a->what == STORE_LOAD_THESE && a->base.more && a->count > 0)
        ask_again(rs, a);
    if (a->what == STORE_LOAD_READY && a->base.more && a->count > 0)
        runs_load_left(rs, a->runs[a->count - 1].seq + 1);
    if (a->what == STORE_LOAD_DUE && a->base.next_due_ms != 0)
        runs_load_due(rs, a->base.next_due_ms);
    take(rs, a);
}

static void on_load(struct store_read *r, const struct err *failure)
{
    struct runs *rs = (struct runs *)((char *)r - offsetof(struct runs, load));
    struct err lost;
    if (failure == NULL && rs->passed_lost) {
        err_memory(&lost);
        failure = &lost;
    }
    if (failure != NULL)
        read_failed(rs, failure);
    else
        answered(rs);
    store_read_fini(r);
    rs->loading = false;
    runs_load_next(rs);
}

/* --- what is asked for -------------------------------------------------------------------------------------------- */

static bool wants(const struct runs *rs, int turn)
{
    return turn == TURN_WAKES ? rs->wake_count > 0 : turn == TURN_DUE ? rs->due_now && rs->due_writing == 0 : rs->left;
}

static void ask(struct runs *rs, int turn)
{
    struct store_read_runs *q = &rs->load;
    *q = (struct store_read_runs){
        .base = {.kind = STORE_READ_RUNS, .done = on_load, .limit = RUNS_AT_A_TIME, .limit_bytes = BYTES_AT_A_TIME}};
    if (turn == TURN_WAKES) {
        q->what = STORE_LOAD_THESE;
        q->seq_count = rs->wake_count < RUNS_AT_A_TIME ? rs->wake_count : RUNS_AT_A_TIME;
        memcpy(rs->asked, rs->wakes, q->seq_count * sizeof *rs->wakes);
        rs->wake_count -= q->seq_count;
        memmove(rs->wakes, rs->wakes + q->seq_count, rs->wake_count * sizeof *rs->wakes);
        q->seqs = rs->asked;
    } else if (turn == TURN_DUE) {
        q->what = STORE_LOAD_DUE;
        q->base.now_ms = rs->env->wall_ms();
        rs->due_now = false;
        rs->next_due_ms = 0;
    } else {
        q->what = STORE_LOAD_READY;
        q->base.after_seq = rs->cursor;
        rs->left = false;
    }
    rs->loading = true;
    rs->passed_count = 0;
    rs->passed_lost = false;
    store_query(rs->env->store, &q->base);
}

void runs_load_next(struct runs *rs)
{
    runs_fresh_begin(rs);
    if (rs->held || rs->loading || rs->writing >= RUNS_WRITING_MAX - RUNS_AT_A_TIME ||
        rs->env->mono_ns() < rs->not_before_ns)
        return;
    for (int i = 0; i < TURNS; i++) {
        int turn = (rs->turn + i) % TURNS;
        if (!wants(rs, turn))
            continue;
        rs->turn = (turn + 1) % TURNS;
        ask(rs, turn);
        return;
    }
}
