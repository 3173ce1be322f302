#include "store/reader.h"

#include "store/backlog.h"
#include "store/failure.h"
#include "store/internal.h"
#include "store/listing.h"
#include "store/query.h"
#include "store/query_run.h"
#include "store/thread.h"

static int connect(struct reader *rd, struct err *e)
{
    if (sqlite_open(&rd->c, SQLITE_READER, e) != 0)
        return -1;
    if (query_prepare(rd, e) == 0 && backlog_prepare(rd, e) == 0 && query_run_prepare(rd, e) == 0 &&
        listing_prepare(rd, e) == 0)
        return 0;
    sqlite_close(&rd->c);
    return -1;
}

int reader_open(struct reader *rd, struct store *s, struct err *e)
{
    struct sqlite c = {.folder = s->folder, .path = s->path};
    *rd = (struct reader){.s = s, .c = c, .count = {.c = c}};
    return connect(rd, e) != 0 || count_open(&rd->count, e) != 0 ? -1 : 0;
}

void reader_close(struct reader *rd)
{
    sqlite_close(&rd->c);
    count_close(&rd->count);
}

static void forget_script(struct store_read_script *q)
{
    q->found = 0;
    q->hash = q->archive = (struct bytes){NULL, 0};
}

static void forget_answer(struct store_read *r)
{
    store_read_fini(r);
    if (r->kind == STORE_READ_SCRIPT)
        forget_script((struct store_read_script *)r);
    r->more = false;
    r->next_before_seq = r->next_due_ms = 0;
    r->event = (struct store_event){0};
}

static int run_kind(struct reader *rd, struct store_read *r)
{
    switch (r->kind) {
    case STORE_READ_READY:
        return query_ready(rd, r);
    case STORE_READ_DUE:
        return query_due(rd, r);
    case STORE_READ_LIST:
        return listing_run(rd, r);
    case STORE_READ_ONE:
        return query_one(rd, r);
    case STORE_READ_LANES:
        return backlog_lanes(rd, r);
    case STORE_READ_BACKLOG:
        break; /* serve() */
    case STORE_READ_RUNS:
        return query_run_load(rd, (struct store_read_runs *)r);
    case STORE_READ_RUN_LIST:
        return listing_runs(rd, (struct store_read_runs *)r);
    case STORE_READ_RUN:
        return query_run_one(rd, (struct store_read_runs *)r);
    case STORE_READ_SCRIPT:
        return query_run_script(rd, (struct store_read_script *)r);
    case STORE_READ_FORMS:
        return query_run_forms(rd, (struct store_read_forms *)r);
    }
    return SQLITE_MISUSE;
}

static int answer(struct reader *rd, struct store_read *r, struct err *e)
{
    if (rd->c.db == NULL && connect(rd, e) != 0)
        return -1;
    int rc = run_kind(rd, r);
    if (rc == SQLITE_OK)
        return 0;
    forget_answer(r);
    sqlite_fail(&rd->c, rc, e);
    rd->stale = rd->stale || sqlite_reopen_after(rc);
    return -1;
}

/* While a commit is on its way the answer may show it: then the writer passes it on, after the writes. */
static void post(struct store *s, struct store_read *r)
{
    pthread_mutex_lock(&s->mutex);
    bool wake = !s->committing && s->written.head == NULL && s->answered.head == NULL;
    read_list_push(s->committing ? &s->held : &s->answered, r);
    pthread_mutex_unlock(&s->mutex);
    if (wake && s->o.wake != NULL)
        s->o.wake(s->o.ud);
}

static void tell_count(struct reader *rd)
{
    struct err e;
    struct store_read *r = rd->count.asked;
    if (r == NULL || !count_over(&rd->count))
        return;
    if (count_tell(&rd->count, r, &e) != 0)
        failure_set(&r->failure, failure_new(&e));
    rd->count.asked = NULL;
    post(rd->s, r);
}

static void serve(struct reader *rd, struct store_read *r)
{
    struct err e;
    if (r->kind == STORE_READ_BACKLOG) {
        rd->count.asked = r;
        tell_count(rd);
        return;
    }
    if (answer(rd, r, &e) != 0)
        failure_set(&r->failure, failure_new(&e));
    post(rd->s, r);
}

static struct store_read *pop(struct reader *rd)
{
    struct store *s = rd->s;
    bool cold = s->cold.head != NULL && (rd->hot_last || s->hot.head == NULL);
    rd->hot_last = !cold;
    return read_list_pop(cold ? &s->cold : &s->hot);
}

static void stop_reading(struct store *s)
{
    s->reading = false;
    pthread_cond_signal(&s->reader_idle);
}

/* The next query to answer; NULL: none, but rows to count. False: the store is closing. */
static bool wait_for_one(struct reader *rd, struct store_read **r)
{
    struct store *s = rd->s;
    pthread_mutex_lock(&s->mutex);
    stop_reading(s);
    bool over = count_over(&rd->count);
    while (!s->closing && (s->hold_reads || (over && s->hot.head == NULL && s->cold.head == NULL)))
        thread_wait(&s->to_reader, &s->mutex, INT64_MAX);
    bool go_on = !s->closing;
    *r = go_on ? pop(rd) : NULL;
    s->reading = *r != NULL;
    pthread_mutex_unlock(&s->mutex);
    return go_on;
}

bool reader_yield(struct reader *rd)
{
    struct store *s = rd->s;
    pthread_mutex_lock(&s->mutex);
    stop_reading(s);
    while (!s->closing && s->hold_reads)
        thread_wait(&s->to_reader, &s->mutex, INT64_MAX);
    struct store_read *r = s->closing ? NULL : read_list_pop(&s->hot);
    bool go_on = s->reading = !s->closing;
    pthread_mutex_unlock(&s->mutex);
    if (r != NULL)
        serve(rd, r);
    return go_on;
}

static void *run(void *arg)
{
    struct reader *rd = arg;
    for (struct store_read *r; wait_for_one(rd, &r);) {
        if (r != NULL)
            serve(rd, r);
        if (rd->stale)
            sqlite_close(&rd->c);
        rd->stale = false;
        if (!count_over(&rd->count)) {
            count_some(&rd->count);
            tell_count(rd);
        }
    }
    return NULL;
}

int reader_start(struct reader *rd, struct err *e)
{
    return thread_start(&rd->thread, "anzol-reader", run, rd, e);
}

void reader_join(struct reader *rd)
{
    pthread_join(rd->thread, NULL);
}
