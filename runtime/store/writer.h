/*
 * writer: the thread with the one connection that ever writes or checkpoints.
 *
 * It gathers what is submitted until the loop has nothing else to do, a millisecond after the last commit at the
 * earliest, or 3 ms (9 while the loop does not come to rest at all), or 512 rows; commits it as one transaction and
 * hands it back.
 * When the database refuses, accepts fail and updates stay with it, in order, until they are committed.
 */
#ifndef ANZOL_STORE_WRITER_H
#define ANZOL_STORE_WRITER_H

#include "store/apply.h"
#include "store/failure.h"
#include "store/lists.h"
#include "store/purge.h"
#include "store/wal.h"

#include <pthread.h>

struct store;

struct writer {
    struct store *s;
    pthread_t thread;
    struct wal wal;
    struct sqlite c;
    struct apply apply;
    struct purge purge;
    bool purge_failed; /* in the transaction at hand */
    int64_t committed_ns;
    int restless; /* commits in a row during which the loop never came to rest; RESTLESS at most */
    sqlite3_stmt *begin, *commit, *savepoint, *undo, *release, *probe;
    struct write_list todo; /* taken from the queue, not committed */
    bool closing;
    bool refusing;        /* the last commit failed */
    int64_t retry_ns;     /* when to try again */
    int wal_pages;        /* in the log after the last commit */
    int checkpoint_pages; /* how many make the next checkpoint */
    int moved_pages;      /* in the log at the last one; fewer now: the log has started over */
};

/* Opens the connection, migrates. On the caller's thread; `s->folder`, `path` and `o` are set. */
int writer_open(struct writer *w, struct store *s, struct err *e);
/* Starts the thread, with every signal blocked. */
int writer_start(struct writer *w, struct err *e);
/* After s->closing was set: waits until what was submitted is committed (or was refused once). */
void writer_join(struct writer *w);
/* Checkpoints and closes the connection. The last connection to go. */
void writer_close(struct writer *w);

#endif
