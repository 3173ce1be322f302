#include "store/store.h"

#include "store/arena.h"
#include "store/failure.h"
#include "store/internal.h"
#include "store/lockfile.h"
#include "store/recover.h"
#include "store/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- opening and closing -------------------------------------------------------------------------------------- */

int64_t store_wall_ms(const struct store *s)
{
    return s->o.wall_ms != NULL ? s->o.wall_ms() : thread_wall_ms();
}

static int init_locks(struct store *s, struct err *e)
{
    int rc = pthread_mutex_init(&s->mutex, NULL);
    if (rc == 0)
        rc = thread_cond_init(&s->to_writer);
    if (rc == 0)
        rc = thread_cond_init(&s->to_reader);
    if (rc == 0)
        rc = thread_cond_init(&s->reader_idle);
    return rc == 0 ? 0 : err_system(e, rc, "cannot make a lock");
}

static struct store *new (const struct store_options *o, struct err *e)
{
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL) {
        err_memory(e);
        return NULL;
    }
    s->o = *o;
    s->lock_fd = -1;
    s->folder = strdup(o->folder);
    if (asprintf(&s->path, "%s/anzol.db", o->folder) < 0)
        s->path = NULL;
    if (s->folder != NULL && s->path != NULL && init_locks(s, e) == 0)
        return s;
    err_memory(e);
    free(s->folder);
    free(s->path);
    free(s);
    return NULL;
}

/* The reader's connection goes first: the last one to close is the one that may empty the log. */
static void release(struct store *s)
{
    reader_close(&s->reader);
    writer_close(&s->writer);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    pthread_cond_destroy(&s->reader_idle);
    pthread_cond_destroy(&s->to_reader);
    pthread_cond_destroy(&s->to_writer);
    pthread_mutex_destroy(&s->mutex);
    free(s->folder);
    free(s->path);
    free(s);
}

static int open_files(struct store *s, struct err *e)
{
    s->lock_fd = lockfile_take(s->folder, e);
    if (s->lock_fd < 0 || sqlite_create(s->folder, s->path, e) != 0 || writer_open(&s->writer, s, e) != 0)
        return -1;
    struct sqlite *c = &s->writer.c;
    if (recover_sending(&s->writer.apply, &s->o, store_wall_ms(s), e) != 0 || recover_last_seq(c, &s->last_seq, e) != 0)
        return -1;
    int rc = apply_begin(&s->writer.apply);
    if (rc != SQLITE_OK)
        return sqlite_fail(c, rc, e);
    s->last_id = s->writer.apply.delivery_ids.top;
    return reader_open(&s->reader, s, e);
}

static void stop_threads(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    s->closing = true;
    pthread_cond_signal(&s->to_writer);
    pthread_cond_signal(&s->to_reader);
    pthread_mutex_unlock(&s->mutex);
}

static int start_threads(struct store *s, struct err *e)
{
    if (writer_start(&s->writer, e) != 0)
        return -1;
    if (reader_start(&s->reader, e) == 0)
        return 0;
    stop_threads(s);
    writer_join(&s->writer);
    return -1;
}

struct store *store_open(const struct store_options *o, struct err *e)
{
    struct store *s = new (o, e);
    if (s == NULL)
        return NULL;
    if (open_files(s, e) == 0 && start_threads(s, e) == 0)
        return s;
    release(s);
    return NULL;
}

/* Nobody will be told any more: what the store itself made for them goes. */
static void drop_untold(struct store *s)
{
    struct store_write *w;
    struct store_read *r;
    while ((w = write_list_pop(&s->written)) != NULL || (w = write_list_pop(&s->writer.todo)) != NULL)
        failure_clear(&w->failure);
    while ((r = read_list_pop(&s->answered)) != NULL || (r = read_list_pop(&s->held)) != NULL) {
        failure_clear(&r->failure);
        store_read_fini(r);
    }
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    stop_threads(s);
    writer_join(&s->writer);
    reader_join(&s->reader);
    drop_untold(s);
    release(s);
}

/* --- the loop's side ------------------------------------------------------------------------------------------ */

int64_t store_last_seq(const struct store *s)
{
    return s->last_seq;
}

struct uuid store_last_id(const struct store *s)
{
    return s->last_id;
}

static void note(struct store *s, int64_t seq)
{
    if (seq > s->last_seq)
        s->last_seq = seq;
}

static void note_deliveries(struct store *s, const struct store_delivery *d, size_t count)
{
    for (size_t i = 0; i < count; i++)
        note(s, d[i].seq);
}

static void note_accept(struct store *s, const struct store_accept *a)
{
    if (a->event != NULL)
        note(s, a->event->seq);
    note_deliveries(s, a->deliveries, a->count);
    for (size_t i = 0; i < a->run_count; i++)
        note(s, a->runs[i].seq);
}

static void note_seqs(struct store *s, const struct store_write *w)
{
    const struct store_advance *v = (const struct store_advance *)w;
    if (w->kind == STORE_ACCEPT)
        note_accept(s, (const struct store_accept *)w);
    else if (w->kind == STORE_ADVANCE)
        note_deliveries(s, v->deliveries, v->delivery_count);
    else if (w->kind == STORE_SCRIPT)
        note(s, ((const struct store_script_write *)w)->seq);
}

void store_submit(struct store *s, struct store_write *w)
{
    w->failure = NULL;
    s->pending++;
    s->pending_bytes += write_bytes(w);
    s->gathering = true;
    note_seqs(s, w);
    pthread_mutex_lock(&s->mutex);
    if (s->queue.head == NULL)
        s->oldest_ns = thread_mono_ns();
    write_list_push(&s->queue, w);
    bool enough = s->queue.rows >= s->wanted_rows;
    if (enough) {
        s->wanted_rows = SIZE_MAX;
        pthread_cond_signal(&s->to_writer);
    }
    pthread_mutex_unlock(&s->mutex);
}

bool store_is_gathering(const struct store *s)
{
    return s->gathering;
}

void store_flush(struct store *s)
{
    if (!s->gathering)
        return;
    s->gathering = false;
    pthread_mutex_lock(&s->mutex);
    if (s->queue.head != NULL && !s->flushed) {
        s->flushed = true;
        pthread_cond_signal(&s->to_writer);
    }
    pthread_mutex_unlock(&s->mutex);
}

static bool is_hot(const struct store_read *r)
{
    switch (r->kind) {
    case STORE_READ_LIST:
    case STORE_READ_ONE:
    case STORE_READ_RUN_LIST:
    case STORE_READ_RUN:
        return false;
    case STORE_READ_READY:
    case STORE_READ_DUE:
    case STORE_READ_LANES:
    case STORE_READ_BACKLOG:
    case STORE_READ_RUNS:
    case STORE_READ_SCRIPT:
    case STORE_READ_FORMS:
        break;
    }
    return true;
}

void store_query(struct store *s, struct store_read *r)
{
    r->failure = NULL;
    pthread_mutex_lock(&s->mutex);
    read_list_push(is_hot(r) ? &s->hot : &s->cold, r);
    pthread_cond_signal(&s->to_reader);
    pthread_mutex_unlock(&s->mutex);
}

static void fini_runs(struct store_read_runs *q)
{
    free(q->runs);
    free(q->steps);
    q->runs = NULL;
    q->steps = NULL;
    q->count = q->step_count = 0;
}

static void fini_forms(struct store_read_forms *q)
{
    free(q->forms);
    q->forms = NULL;
    q->count = 0;
}

void store_read_fini(struct store_read *r)
{
    if (r->kind == STORE_READ_RUNS || r->kind == STORE_READ_RUN_LIST || r->kind == STORE_READ_RUN)
        fini_runs((struct store_read_runs *)r);
    else if (r->kind == STORE_READ_FORMS)
        fini_forms((struct store_read_forms *)r);
    free(r->rows);
    free(r->attempts);
    free(r->backlogs);
    arena_free(r->arena);
    r->rows = NULL;
    r->attempts = NULL;
    r->backlogs = NULL;
    r->arena = NULL;
    r->count = r->attempt_count = r->backlog_count = 0;
}

/* The callback may free the write: the failure is kept beside. */
static void tell_written(struct store *s, struct store_write *w)
{
    struct store_failure *f = w->failure;
    w->failure = NULL;
    s->pending--;
    s->pending_bytes -= write_bytes(w);
    w->done(w, failure_err(f));
    failure_clear(&f);
}

static void tell_answered(struct store_read *r)
{
    struct store_failure *f = r->failure;
    r->failure = NULL;
    r->done(r, failure_err(f));
    failure_clear(&f);
}

size_t store_dispatch(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    struct write_list written = s->written;
    struct read_list answered = s->answered;
    s->written = (struct write_list){0};
    s->answered = (struct read_list){0};
    pthread_mutex_unlock(&s->mutex);
    size_t n = 0;
    for (struct store_write *w; (w = write_list_pop(&written)) != NULL; n++)
        tell_written(s, w);
    for (struct store_read *r; (r = read_list_pop(&answered)) != NULL; n++)
        tell_answered(r);
    return n;
}

size_t store_pending(const struct store *s)
{
    return s->pending;
}

size_t store_pending_bytes(const struct store *s)
{
    return s->pending_bytes;
}

int store_health(const struct store *s, struct err *e)
{
    struct store *shared = (struct store *)s; /* the mutex alone is changed */
    pthread_mutex_lock(&shared->mutex);
    bool refusing = s->refusing;
    if (refusing && e != NULL)
        *e = s->refusal;
    pthread_mutex_unlock(&shared->mutex);
    return refusing ? -1 : 0;
}
