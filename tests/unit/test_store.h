/*
 * test_store: what the tests of the store share: a folder, an open store, and waiting for its completions without
 * sleeping.
 */
#ifndef TEST_STORE_H
#define TEST_STORE_H

#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000 };

/* The wall clock of the store under test, in hand. */
static _Atomic int64_t clock_ms = 1700000000000;

static inline int64_t test_wall_ms(void)
{
    return clock_ms;
}

struct fixture {
    char folder[64];
    struct store *s;
    int wake_fd;
    int64_t keep_ms;
    size_t unknown_count;
    struct uuid unknown_id;
    void (*after_turn)(void); /* NULL: nothing */
};

/* What became of a write. */
struct written {
    struct store_accept accept;
    struct store_event event;
    struct store_delivery row;
    struct store_update update;
    int done;
    bool failed;
    struct err why;
    size_t order; /* of completion, among all */
};

static size_t completion_count;

static inline void on_wake(void *ud)
{
    struct fixture *f = ud;
    uint64_t one = 1;
    if (write(f->wake_fd, &one, sizeof one) != sizeof one)
        abort();
}

static inline void on_unknown(void *ud, const struct store_delivery *row)
{
    struct fixture *f = ud;
    f->unknown_count++;
    f->unknown_id = row->id;
    if (row->state != DELIVERY_UNKNOWN || row->error != ATTEMPT_CRASH || row->webhook.len == 0)
        abort();
}

static inline struct store *fixture_try_open(struct fixture *f, struct err *e)
{
    struct store_options o = {.folder = f->folder,
                              .keep_ms = f->keep_ms,
                              .wake = on_wake,
                              .ud = f,
                              .wall_ms = test_wall_ms,
                              .on_unknown = on_unknown};
    f->s = store_open(&o, e);
    return f->s;
}

static inline void fixture_open(struct fixture *f)
{
    struct err e;
    if (fixture_try_open(f, &e) == NULL)
        fail_msg("store_open: %s", e.message);
}

static inline void fixture_close(struct fixture *f)
{
    store_close(f->s);
    f->s = NULL;
}

static inline void fixture_reopen(struct fixture *f)
{
    fixture_close(f);
    fixture_open(f);
}

static inline int fixture_make(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->folder, sizeof f->folder, "/tmp/test_store.XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        return -1;
    f->wake_fd = eventfd(0, EFD_CLOEXEC);
    clock_ms = 1700000000000;
    completion_count = 0;
    *state = f;
    return 0;
}

static inline int fixture_setup(void **state)
{
    if (fixture_make(state) != 0)
        return -1;
    fixture_open(*state);
    return 0;
}

static inline const char *fixture_path(const struct fixture *f, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    return path;
}

static inline int fixture_teardown(void **state)
{
    static const char *const names[] = {"anzol.db", "anzol.db-wal", "anzol.db-shm", "lock"};
    struct fixture *f = *state;
    fixture_close(f);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(fixture_path(f, names[i]));
    (void)rmdir(f->folder);
    close(f->wake_fd);
    free(f);
    return 0;
}

/* Dispatches once something has completed. Fails the test when nothing does. */
static inline void fixture_turn(struct fixture *f)
{
    uint64_t n;
    struct pollfd p = {.fd = f->wake_fd, .events = POLLIN};
    if (poll(&p, 1, PATIENCE_MS) != 1)
        fail_msg("nothing completed in %d ms", PATIENCE_MS);
    if (read(f->wake_fd, &n, sizeof n) != sizeof n)
        abort();
    store_dispatch(f->s);
    if (f->after_turn != NULL)
        f->after_turn();
}

static inline void fixture_wait(struct fixture *f, const int *flag)
{
    while (*flag == 0)
        fixture_turn(f);
}

/* --- writes --------------------------------------------------------------------------------------------------- */

static inline struct uuid uuid_of(int64_t n)
{
    struct uuid id = {{0}};
    memcpy(id.b, "anzoltst", 8);
    for (int i = 0; i < 8; i++)
        id.b[8 + i] = (uint8_t)(n >> (56 - 8 * i));
    return id;
}

static inline void note(struct written *w, const struct err *failure)
{
    w->done++;
    w->failed = failure != NULL;
    w->order = ++completion_count;
    if (failure != NULL)
        w->why = *failure;
}

static inline void on_accepted(struct store_write *w, const struct err *failure)
{
    note((struct written *)((char *)w - offsetof(struct written, accept)), failure);
}

static inline void on_updated(struct store_write *w, const struct err *failure)
{
    note((struct written *)((char *)w - offsetof(struct written, update)), failure);
}

/* An accept of one queued delivery, not submitted yet. */
static inline void prepare_delivery(struct written *w, int64_t seq, const char *integration)
{
    *w = (struct written){
        .accept = {.base = {.kind = STORE_ACCEPT, .done = on_accepted}, .count = 1},
        .row = {.seq = seq,
                .id = uuid_of(seq),
                .created_ms = clock_ms,
                .webhook = bytes_of("order_paid"),
                .integration = bytes_of(integration),
                .request = bytes_of("the request")},
    };
    w->accept.deliveries = &w->row;
}

/* … and of an event with it: event seq - 1. */
static inline void prepare_event(struct written *w, int64_t seq, const char *key)
{
    prepare_delivery(w, seq, "shop");
    w->event = (struct store_event){.seq = seq - 1,
                                    .id = uuid_of(seq - 1),
                                    .key = bytes_of(key),
                                    .name = bytes_of("order.paid"),
                                    .body = bytes_of("{\"data\":1}"),
                                    .received_ms = clock_ms};
    w->row.event_seq = seq - 1;
    w->accept.event = &w->event;
}

static inline void submit(struct fixture *f, struct written *w)
{
    store_submit(f->s, &w->accept.base);
}

static inline void submit_and_wait(struct fixture *f, struct written *w)
{
    submit(f, w);
    fixture_wait(f, &w->done);
}

/* An update that makes the delivery `state`, with an attempt or without. */
static inline void prepare_update(struct written *w, int64_t seq, enum delivery_state state,
                                  const struct attempt *attempt)
{
    *w = (struct written){
        .update = {.base = {.kind = STORE_UPDATE, .done = on_updated},
                   .row = {.seq = seq, .state = state, .attempts = attempt != NULL, .tries = attempt != NULL},
                   .attempt = attempt},
    };
    if (state == DELIVERY_WAITING)
        w->update.row.due_ms = clock_ms + seq;
    if (delivery_state_final(state))
        w->update.row.finished_ms = clock_ms;
}

static inline void submit_update(struct fixture *f, struct written *w, int64_t seq, enum delivery_state state,
                                 const struct attempt *attempt)
{
    prepare_update(w, seq, state, attempt);
    store_submit(f->s, &w->update.base);
}

static inline void accept_one(struct fixture *f, int64_t seq, const char *integration)
{
    struct written w;
    prepare_delivery(&w, seq, integration);
    submit_and_wait(f, &w);
    if (w.failed)
        fail_msg("accept: %s", w.why.message);
}

static inline void update_one(struct fixture *f, int64_t seq, enum delivery_state state)
{
    struct written w;
    submit_update(f, &w, seq, state, NULL);
    fixture_wait(f, &w.done);
    if (w.failed)
        fail_msg("update: %s", w.why.message);
}

/* Deliveries first … first + count - 1 in one write. */
static inline void accept_many(struct fixture *f, int64_t first, size_t count, const char *integration)
{
    struct written w;
    prepare_delivery(&w, first, integration);
    struct store_delivery *rows = calloc(count, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        rows[i] = w.row;
        rows[i].seq = first + (int64_t)i;
        rows[i].id = uuid_of(rows[i].seq);
    }
    w.accept.deliveries = rows;
    w.accept.count = count;
    submit_and_wait(f, &w);
    free(rows);
    if (w.failed)
        fail_msg("accept: %s", w.why.message);
}

/* --- reads ---------------------------------------------------------------------------------------------------- */

struct asked {
    struct store_read read;
    int done;
    bool failed;
    struct err why;
    size_t order;
};

static inline void on_answered(struct store_read *r, const struct err *failure)
{
    struct asked *q = (struct asked *)r;
    q->done++;
    q->failed = failure != NULL;
    q->order = ++completion_count;
    if (failure != NULL)
        q->why = *failure;
}

static inline void ask(struct fixture *f, struct asked *q)
{
    q->read.done = on_answered;
    q->done = 0;
    store_query(f->s, &q->read);
}

/* The answer, which the caller releases. */
static inline struct store_read *answer(struct fixture *f, struct asked *q)
{
    ask(f, q);
    fixture_wait(f, &q->done);
    return &q->read;
}

static inline struct store_read *answer_one(struct fixture *f, struct asked *q, int64_t seq)
{
    *q = (struct asked){.read = {.kind = STORE_READ_ONE, .id = uuid_of(seq)}};
    answer(f, q);
    if (q->failed)
        fail_msg("read: %s", q->why.message);
    return &q->read;
}

/* The state of a delivery; -1: there is none. */
static inline int state_of(struct fixture *f, int64_t seq)
{
    struct asked q;
    struct store_read *r = answer_one(f, &q, seq);
    int state = r->count == 0 ? -1 : (int)r->rows[0].state;
    store_read_fini(r);
    return state;
}

/* --- beside the store ---------------------------------------------------------------------------------------- */

/* One number out of the database, by a connection of its own. */
static inline int64_t number(struct fixture *f, const char *query)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open_v2(fixture_path(f, "anzol.db"), &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, PATIENCE_MS);
    if (sqlite3_prepare_v2(db, query, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", query, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

/* The purge tells nobody when it is done: asks until it shows. */
static inline void expect_soon(struct fixture *f, const char *query, int64_t want)
{
    for (int i = 0; i < PATIENCE_MS / 5; i++) {
        if (number(f, query) == want)
            return;
        poll(NULL, 0, 5);
    }
    fail_msg("%s is %lld, not %lld", query, (long long)number(f, query), (long long)want);
}

#define assert_bytes(v, text) assert_true(bytes_equal((v), bytes_of(text)))
#define assert_says(e, text)                                                                                           \
    do {                                                                                                               \
        if (strstr((e).message, (text)) == NULL)                                                                       \
            fail_msg("\"%s\" does not say \"%s\"", (e).message, (text));                                               \
    } while (0)

static inline void sql(struct fixture *f, const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(fixture_path(f, "anzol.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

#endif
