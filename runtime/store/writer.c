#include "store/writer.h"

#include "core/units.h"
#include "store/checkpoint.h"
#include "store/internal.h"
#include "store/schema.h"
#include "store/thread.h"

enum {
    COMMIT_ROWS = 512, /* enough to commit at once */
    BATCH_ROWS = 1024, /* the most in one transaction, unless one write brings more */
    RESTLESS = 3,      /* commits in a row without a moment of rest: the loop stays busy */
};
/* While the loop is busy; and while it stays so: then what waits waits for the loop, not for the disk. */
static const int64_t GATHER_NS = 3 * NS_PER_MS, GATHER_LONGER_NS = 9 * NS_PER_MS;
static const int64_t APART_NS = NS_PER_MS; /* between commits, when it rests: each has pages of its own to write */
static const int64_t RETRY_NS = 250 * NS_PER_MS;

/* --- the connection ------------------------------------------------------------------------------------------- */

static int prepare(struct writer *w, struct err *e)
{
    const struct sqlite_text texts[] = {
        {&w->begin, "BEGIN IMMEDIATE"}, {&w->commit, "COMMIT"},       {&w->savepoint, "SAVEPOINT one"},
        {&w->undo, "ROLLBACK TO one"},  {&w->release, "RELEASE one"}, {NULL, NULL},
    };
    if (sqlite_prepare(&w->c, texts, e) != 0 || apply_prepare(&w->apply, &w->c, e) != 0)
        return -1;
    return purge_prepare(&w->purge, &w->c, e);
}

static int on_commit(void *ud, sqlite3 *db, const char *name, int pages)
{
    struct writer *w = ud;
    (void)db, (void)name;
    w->wal_pages = pages;
    return SQLITE_OK;
}

static int connect(struct writer *w, struct err *e)
{
    if (sqlite_open(&w->c, SQLITE_WRITER, e) != 0)
        return -1;
    wal_follow(&w->wal, w->c.db);
    if (schema_apply(&w->c, e) != 0 || prepare(w, e) != 0) {
        sqlite_close(&w->c);
        return -1;
    }
    sqlite3_wal_hook(w->c.db, on_commit, w);
    return 0;
}

int writer_open(struct writer *w, struct store *s, struct err *e)
{
    *w = (struct writer){.s = s, .c = {.folder = s->folder, .path = s->path}};
    purge_init(&w->purge, s->o.keep_ms, thread_mono_ns());
    int rc = wal_register(&w->wal);
    if (rc != SQLITE_OK)
        return sqlite_fail(&w->c, rc, e);
    w->c.vfs = w->wal.name;
    return connect(w, e);
}

void writer_close(struct writer *w)
{
    if (w->c.db != NULL)
        checkpoint_last(w);
    sqlite_close(&w->c);
    wal_fini(&w->wal);
    apply_fini(&w->apply);
}

/* --- one transaction ------------------------------------------------------------------------------------------ */

/* A savepoint a write, so that one which fails by its own fault fails alone. */
static int apply_carefully(struct writer *w, struct store_write *wr, int64_t now_ms)
{
    int rc = sqlite_run(w->savepoint);
    if (rc != SQLITE_OK)
        return rc;
    rc = apply_write(&w->apply, wr, now_ms);
    if (rc == SQLITE_OK)
        rc = apply_flush(&w->apply, true);
    if (sqlite_own_fault(rc)) {
        struct err e;
        sqlite_fail(&w->c, rc, &e);
        failure_set(&wr->failure, failure_new(&e));
        rc = sqlite_run(w->undo);
        apply_undone(&w->apply);
        if (rc == SQLITE_OK)
            rc = apply_begin(&w->apply);
    }
    return rc == SQLITE_OK ? sqlite_run(w->release) : rc;
}

static int transact(struct writer *w, const struct write_list *batch, bool carefully)
{
    int64_t now_ms = store_wall_ms(w->s);
    int rc = sqlite_run(w->begin);
    if (rc == SQLITE_OK)
        rc = apply_begin(&w->apply);
    for (struct store_write *wr = batch->head; rc == SQLITE_OK && wr != NULL; wr = wr->next)
        rc = carefully ? apply_carefully(w, wr, now_ms) : apply_write(&w->apply, wr, now_ms);
    if (rc == SQLITE_OK)
        rc = apply_flush(&w->apply, false);
    int64_t now_ns = thread_mono_ns();
    if (rc == SQLITE_OK && !carefully && !w->refusing) {
        rc = purge_along(&w->purge, now_ns, now_ms, batch->rows);
        w->purge_failed = rc != SQLITE_OK;
    }
    if (rc == SQLITE_OK)
        rc = apply_end(&w->apply, now_ns);
    return rc == SQLITE_OK ? sqlite_run(w->commit) : rc;
}

static void roll_back(struct writer *w)
{
    sqlite_rollback(&w->c);
    apply_undone(&w->apply);
}

static int commit(struct writer *w, const struct write_list *batch, struct err *e)
{
    if (w->c.db == NULL && connect(w, e) != 0)
        return -1;
    w->purge_failed = false;
    int rc = batch->head == NULL ? schema_touch(&w->c) : transact(w, batch, false);
    if (sqlite_own_fault(rc) || w->purge_failed) { /* what is old and cannot be read refuses nothing new */
        roll_back(w);
        rc = transact(w, batch, true);
    }
    if (rc == SQLITE_OK)
        return 0;
    sqlite_fail(&w->c, rc, e);
    roll_back(w);
    if (sqlite_reopen_after(rc))
        sqlite_close(&w->c);
    return -1;
}

/* --- what goes in and out ------------------------------------------------------------------------------------- */

static void set_committing(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    s->committing = true;
    pthread_mutex_unlock(&s->mutex);
}

/* Hands writes back, and the reads that waited for them. */
static void post(struct store *s, struct write_list *done)
{
    pthread_mutex_lock(&s->mutex);
    bool was_empty = s->written.head == NULL && s->answered.head == NULL;
    s->committing = false;
    write_list_append(&s->written, done);
    read_list_append(&s->answered, &s->held);
    bool wake = was_empty && (s->written.head != NULL || s->answered.head != NULL);
    pthread_mutex_unlock(&s->mutex);
    if (wake && s->o.wake != NULL)
        s->o.wake(s->o.ud);
}

static void set_health(struct writer *w, const struct err *e)
{
    struct store *s = w->s;
    pthread_mutex_lock(&s->mutex);
    s->refusing = w->refusing = e != NULL;
    if (e != NULL)
        s->refusal = *e;
    pthread_mutex_unlock(&s->mutex);
}

/* When what is queued is to be committed. The mutex is held. */
static int64_t commit_due(const struct writer *w)
{
    const struct store *s = w->s;
    int64_t gathered_ns = s->oldest_ns + (w->restless < RESTLESS ? GATHER_NS : GATHER_LONGER_NS);
    int64_t apart_ns = w->committed_ns + APART_NS;
    if (s->queue.rows >= COMMIT_ROWS)
        return 0;
    return s->flushed && apart_ns < gathered_ns ? apart_ns : gathered_ns;
}

/* When there is something to do: 0, or a time to come. The mutex is held. */
static int64_t work_due(const struct writer *w)
{
    const struct store *s = w->s;
    if (s->closing)
        return 0;
    if (w->refusing)
        return s->queue.head != NULL ? 0 : w->retry_ns;
    if (w->todo.head != NULL)
        return 0;
    return s->queue.head != NULL ? commit_due(w) : w->purge.next_ns;
}

/* Waits until there is something to do, and takes all that was submitted. */
static void gather(struct writer *w)
{
    struct store *s = w->s;
    pthread_mutex_lock(&s->mutex);
    for (int64_t due; (due = work_due(w)) > thread_mono_ns();) {
        s->wanted_rows = s->queue.head == NULL ? 1 : COMMIT_ROWS;
        thread_wait(&s->to_writer, &s->mutex, due);
    }
    s->wanted_rows = SIZE_MAX;
    if (s->flushed || w->refusing)
        w->restless = 0;
    else if (s->queue.head != NULL && w->restless < RESTLESS)
        w->restless++;
    s->flushed = false;
    write_list_append(&w->todo, &s->queue);
    w->closing = s->closing;
    pthread_mutex_unlock(&s->mutex);
}

static struct write_list next_batch(struct writer *w)
{
    struct write_list batch = {0};
    while (w->todo.head != NULL && (batch.head == NULL || batch.rows + write_rows(w->todo.head) <= BATCH_ROWS))
        write_list_push(&batch, write_list_pop(&w->todo));
    return batch;
}

/* --- refusal -------------------------------------------------------------------------------------------------- */

/* Accepts and the like fail, all but the first `spare`; updates stay, in order. */
static void refuse_accepts(struct writer *w, int spare)
{
    struct write_list kept = {0}, failed = {0};
    struct store_failure *why = failure_new(&w->s->refusal); /* only this thread writes it */
    for (struct store_write *wr; (wr = write_list_pop(&w->todo)) != NULL;)
        if (write_may_fail(wr) && spare-- <= 0) {
            failure_set(&wr->failure, why);
            write_list_push(&failed, wr);
        } else
            write_list_push(&kept, wr);
    failure_settle(why);
    w->todo = kept;
    post(w->s, &failed);
}

static void refused(struct writer *w, struct write_list *batch, const struct err *e)
{
    write_list_append(batch, &w->todo);
    w->todo = *batch;
    w->retry_ns = thread_mono_ns() + RETRY_NS;
    set_health(w, e);
    refuse_accepts(w, 0);
}

static void committed(struct writer *w, struct write_list *batch)
{
    set_health(w, NULL);
    post(w->s, batch);
    w->committed_ns = thread_mono_ns();
}

/* --- the thread ----------------------------------------------------------------------------------------------- */

static void commit_some(struct writer *w)
{
    struct err e;
    struct write_list batch = next_batch(w);
    set_committing(w->s);
    if (commit(w, &batch, &e) == 0)
        committed(w, &batch);
    else
        refused(w, &batch, &e);
}

/* While the database refuses: what may be tried, and when. Returns whether to try now. */
static bool may_try(struct writer *w)
{
    if (!w->refusing)
        return w->todo.head != NULL;
    bool due = w->closing || thread_mono_ns() >= w->retry_ns;
    refuse_accepts(w, due ? 1 : 0);
    return due;
}

/* Between commits; `idle`: there was none to make. */
static void keep_house(struct writer *w, bool idle)
{
    if (w->refusing || w->closing)
        return;
    checkpoint_if_due(w);
    int64_t now_ns = thread_mono_ns();
    if (idle && now_ns >= w->purge.next_ns)
        (void)purge_step(&w->purge, now_ns, store_wall_ms(w->s));
}

static bool finished(const struct writer *w)
{
    return w->closing && (w->todo.head == NULL || w->refusing);
}

static void *run(void *arg)
{
    struct writer *w = arg;
    do {
        gather(w);
        bool idle = !may_try(w);
        if (!idle)
            commit_some(w);
        keep_house(w, idle);
    } while (!finished(w));
    return NULL;
}

int writer_start(struct writer *w, struct err *e)
{
    return thread_start(&w->thread, "anzol-writer", run, w, e);
}

void writer_join(struct writer *w)
{
    pthread_join(w->thread, NULL);
}
