/*
 * test_store_runs: what the tests of runs share: one write or read at a time, waited for.
 */
#ifndef TEST_STORE_RUNS_H
#define TEST_STORE_RUNS_H

#include "test_store.h"

/* What became of the last write that was waited for. */
static struct {
    int done;
    bool failed;
    struct err why;
} last;

static inline void on_last(struct store_write *w, const struct err *failure)
{
    (void)w;
    last.done++;
    last.failed = failure != NULL;
    if (failure != NULL)
        last.why = *failure;
}

/* Whatever comes of it. */
static inline void try_write(struct fixture *f, struct store_write *w)
{
    w->done = on_last;
    last.done = 0;
    store_submit(f->s, w);
    fixture_wait(f, &last.done);
}

static inline void write_one(struct fixture *f, struct store_write *w)
{
    try_write(f, w);
    if (last.failed)
        fail_msg("write: %s", last.why.message);
}

/* Of the advance made last, by run. */
static int64_t marks[1024], last_mark;

static inline int64_t *mark_of(int64_t run)
{
    return &marks[(size_t)run % (sizeof marks / sizeof *marks)];
}

static inline struct store_run run_of(int64_t seq, const char *key)
{
    *mark_of(seq) = 0;
    return (struct store_run){.seq = seq,
                              .id = uuid_of(seq),
                              .script = 1,
                              .created_ms = clock_ms,
                              .flow = bytes_of("checkout"),
                              .key = bytes_of(key),
                              .input = bytes_of("{\"data\":1}")};
}

/* A run that no event started; returns its state. */
static inline enum run_state begin(struct fixture *f, int64_t seq, const char *key)
{
    struct store_run r = run_of(seq, key);
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .runs = &r, .run_count = 1};
    write_one(f, &a.base);
    return r.state;
}

/* An event that brings `key`; the runs that it woke are in `woken`. */
static struct {
    int64_t runs[64];
    int steps[64];
    size_t count;
} woken;

static inline void emit(struct fixture *f, int64_t seq, const char *key)
{
    struct bytes keys[] = {bytes_of(key)};
    struct store_event v = {.seq = seq,
                            .id = uuid_of(seq),
                            .name = bytes_of("order.paid"),
                            .body = bytes_of("{\"data\":7}"),
                            .received_ms = clock_ms};
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .event = &v, .keys = keys, .key_count = 1};
    write_one(f, &a.base);
    woken.count = a.woken.len / sizeof(struct store_woken);
    assert_true(woken.count <= sizeof woken.runs / sizeof *woken.runs);
    for (size_t i = 0; i < woken.count; i++) {
        struct store_woken w;
        memcpy(&w, a.woken.data + i * sizeof w, sizeof w);
        woken.runs[i] = w.run;
        woken.steps[i] = w.step;
    }
    buf_fini(&a.woken);
}

static inline struct store_step step_of(int64_t run, int number, enum step_kind kind)
{
    return (struct store_step){.run = run,
                               .number = number,
                               .kind = kind,
                               .path = bytes_of("1"),
                               .name = bytes_of("a name"),
                               .started_ms = clock_ms};
}

static inline struct store_step wait_of(int64_t run, int number, const char *match)
{
    struct store_step s = step_of(run, number, STEP_WAIT);
    s.match = bytes_of(match);
    return s;
}

static inline struct store_step call_of(int64_t run, int number, int64_t delivery)
{
    struct store_step s = step_of(run, number, STEP_CALL);
    s.ref = delivery;
    return s;
}

static inline struct store_delivery delivery_of(int64_t seq, int64_t run, int step)
{
    return (struct store_delivery){.seq = seq,
                                   .id = uuid_of(seq),
                                   .created_ms = clock_ms,
                                   .webhook = bytes_of("order_paid"),
                                   .integration = bytes_of("shop"),
                                   .request = bytes_of("the request"),
                                   .run = run,
                                   .step = step};
}

/* An advance without deliveries, not submitted yet; it is to follow the one made last. The steps are the caller's. */
static inline struct store_advance advance_of(int64_t run, enum run_state state, const struct store_step *steps,
                                              size_t count)
{
    int64_t *mark = mark_of(run);
    struct store_advance v = {.base = {.kind = STORE_ADVANCE},
                              .run = {.seq = run, .state = state, .script = 1, .mark = *mark},
                              .mark = ++last_mark,
                              .steps = steps,
                              .step_count = count};
    for (size_t i = 0; i < count; i++)
        if (steps[i].number > v.run.steps)
            v.run.steps = steps[i].number;
    if (run_state_final(state))
        v.run.finished_ms = clock_ms;
    *mark = v.mark;
    return v;
}

static inline struct store_advance advance(struct fixture *f, int64_t run, enum run_state state,
                                           const struct store_step *steps, size_t count)
{
    struct store_advance v = advance_of(run, state, steps, count);
    write_one(f, &v.base);
    return v;
}

/* The run waits for an event with `match`; nothing has arrived after `after`. Its step is number 1. */
static inline struct store_advance wait_for(struct fixture *f, int64_t run, const char *match, int64_t after)
{
    struct store_step s = wait_of(run, 1, match);
    struct store_advance v = advance_of(run, RUN_WAITING, &s, 1);
    v.arrived_after = after;
    write_one(f, &v.base);
    return v;
}

/* The run waits for a delivery that its step 1 makes. */
static inline void call_one(struct fixture *f, int64_t run, int64_t delivery)
{
    struct store_step s = call_of(run, 1, delivery);
    struct store_delivery d = delivery_of(delivery, run, 1);
    struct store_advance v = advance_of(run, RUN_WAITING, &s, 1);
    v.deliveries = &d;
    v.delivery_count = 1;
    write_one(f, &v.base);
}

/* A delivery that ends, and with it the step that waits for it. */
struct ended_call {
    struct attempt attempt;
    struct store_step_end end;
    struct store_update update;
};

/* `c` stays where it is until it is written. */
static inline void prepare_end(struct ended_call *c, int64_t delivery, int64_t run, int step)
{
    *c = (struct ended_call){
        .attempt = {.number = 1, .status = 200},
        .end = {.run = run, .step = step, .attempt = 1, .ended_ms = clock_ms, .result = bytes_of("{\"ok\":true}")},
        .update = {.base = {.kind = STORE_UPDATE},
                   .row = {.seq = delivery,
                           .state = DELIVERY_SUCCEEDED,
                           .attempts = 1,
                           .tries = 1,
                           .finished_ms = clock_ms,
                           .status = 200},
                   .attempt = &c->attempt,
                   .step = &c->end},
    };
}

/* Returns whether the run was woken. */
static inline bool end_call(struct fixture *f, int64_t delivery, int64_t run, int step)
{
    struct ended_call c;
    prepare_end(&c, delivery, run, step);
    buf_append_str(&c.attempt.headers, "A: b\n");
    buf_append_str(&c.attempt.body, "answer");
    write_one(f, &c.update.base);
    buf_fini(&c.attempt.headers);
    buf_fini(&c.attempt.body);
    return c.update.woken;
}

static inline struct store_run_change change(struct fixture *f, int64_t run, enum store_run_order order, int64_t script)
{
    struct store_run_change c = {.base = {.kind = STORE_RUN_CHANGE},
                                 .order = order,
                                 .run = run,
                                 .script = script,
                                 .now_ms = clock_ms,
                                 .message = bytes_of("by hand")};
    write_one(f, &c.base);
    return c;
}

static inline void write_script(struct fixture *f, int64_t seq)
{
    struct store_script_write w = {
        .base = {.kind = STORE_SCRIPT}, .seq = seq, .hash = bytes_of("hash"), .archive = bytes_of("archive")};
    write_one(f, &w.base);
}

/* --- reads ---------------------------------------------------------------------------------------------------- */

static int read_done;

static inline void on_read(struct store_read *r, const struct err *failure)
{
    (void)r;
    if (failure != NULL)
        fail_msg("read: %s", failure->message);
    read_done = 1;
}

static inline void read_one(struct fixture *f, struct store_read *r)
{
    r->done = on_read;
    read_done = 0;
    store_query(f->s, r);
    fixture_wait(f, &read_done);
}

/* The run with its steps and event, which the caller releases. */
static inline struct store_read_runs look(struct fixture *f, int64_t seq)
{
    struct store_read_runs q = {.base.kind = STORE_READ_RUN, .base.id = uuid_of(seq)};
    read_one(f, &q.base);
    assert_int_equal(q.count, 1);
    return q;
}

static inline struct store_read_runs load(struct fixture *f, struct store_read_runs q)
{
    q.base.kind = STORE_READ_RUNS;
    if (q.base.limit == 0)
        q.base.limit = 1000;
    read_one(f, &q.base);
    return q;
}

static inline void expect_runs(struct store_read_runs q, const int64_t *seqs, size_t count, bool more)
{
    assert_int_equal(q.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(q.runs[i].seq, seqs[i]);
    assert_int_equal(q.base.more, more);
    store_read_fini(&q.base);
}

/* The state of a run; -1: there is none. */
static inline int run_state(struct fixture *f, int64_t seq)
{
    struct store_read_runs q = {.base.kind = STORE_READ_RUN, .base.id = uuid_of(seq)};
    read_one(f, &q.base);
    int state = q.count == 0 ? -1 : (int)q.runs[0].state;
    store_read_fini(&q.base);
    return state;
}

#define SEQS(...) (const int64_t[]){__VA_ARGS__}, sizeof(const int64_t[]){__VA_ARGS__} / sizeof(int64_t)

#endif
