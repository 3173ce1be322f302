#include "store/checkpoint.h"

#include "store/internal.h"
#include "store/thread.h"

enum {
    PAGES = 256,        /* 2 MB of log: pages written again and again are moved once, and commits wait for a few ms */
    PAGES_AGAIN = 250,  /* after one that could not finish */
    PAGES_FORCE = 4000, /* the readers never left a gap: make one */
};

/* No statement of the reader is open from here until let_readers(). */
static void hold_readers(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    s->hold_reads = true;
    while (s->reading)
        thread_wait(&s->reader_idle, &s->mutex, INT64_MAX);
    pthread_mutex_unlock(&s->mutex);
}

static void let_readers(struct store *s)
{
    pthread_mutex_lock(&s->mutex);
    s->hold_reads = false;
    pthread_cond_signal(&s->to_reader);
    pthread_mutex_unlock(&s->mutex);
}

/*
 * A log that was moved whole starts over with the next commit, unless a reader is in it just then; so come back a
 * little later. A failure needs no other answer: what is in the log is safe, and commits will meet the same trouble.
 */
static void move(struct writer *w, int mode)
{
    (void)sqlite3_wal_checkpoint_v2(w->c.db, NULL, mode, NULL, NULL);
    w->moved_pages = w->wal_pages;
    w->checkpoint_pages = w->wal_pages + PAGES_AGAIN;
}

/* Another program may read for hours: it is not waited for, and asked again only after a long stretch. */
static void force(struct writer *w)
{
    sqlite3_busy_timeout(w->c.db, 0);
    hold_readers(w->s);
    move(w, SQLITE_CHECKPOINT_TRUNCATE);
    let_readers(w->s);
    sqlite3_busy_timeout(w->c.db, SQLITE_BUSY_MS);
    w->checkpoint_pages = w->wal_pages + PAGES_FORCE;
}

void checkpoint_if_due(struct writer *w)
{
    if (w->checkpoint_pages == 0 || w->wal_pages < w->moved_pages) { /* the log has started over */
        w->checkpoint_pages = PAGES;
        w->moved_pages = 0;
    }
    if (w->c.db == NULL || w->wal_pages < w->checkpoint_pages)
        return;
    if (w->wal_pages >= PAGES_FORCE)
        force(w);
    else
        move(w, SQLITE_CHECKPOINT_PASSIVE);
}

void checkpoint_last(struct writer *w)
{
    (void)sqlite3_wal_checkpoint_v2(w->c.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}
