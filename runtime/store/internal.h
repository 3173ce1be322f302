/*
 * internal: the store itself, as its own files see it, and what passes between the loop and the two threads.
 *
 * The loop hands writes and reads over under `mutex`; the writer and the reader hand them back in `written` and
 * `answered`. Two rules hold the order: writes come back in the order they went in, and a read that may have seen a
 * commit comes back after the writes of that commit (`held`), so that the host never learns of a row from a read before
 * it was told that the row is accepted.
 */
#ifndef ANZOL_STORE_INTERNAL_H
#define ANZOL_STORE_INTERNAL_H

#include "store/failure.h"
#include "store/lists.h"
#include "store/reader.h"
#include "store/writer.h"

struct store {
    struct store_options o;
    char *folder, *path;
    int lock_fd;
    /* The loop's alone. */
    int64_t last_seq;
    struct uuid last_id; /* when it was opened */
    size_t pending, pending_bytes;
    bool gathering; /* something was submitted since the last flush */

    pthread_mutex_t mutex; /* guards what follows, up to the threads */
    pthread_cond_t to_writer, to_reader, reader_idle;
    bool closing;
    struct write_list queue;
    int64_t oldest_ns;          /* when the first of the queue came */
    size_t wanted_rows;         /* the writer sleeps until that many are queued */
    bool flushed;               /* … or no more are to be waited for */
    struct read_list hot, cold; /* what the dispatch waits for, and what people wait for */
    bool reading;               /* a statement of the reader is open */
    bool hold_reads;            /* the writer wants none to be, for a moment */
    bool committing;            /* what is being committed may be visible, and is not in `written` yet */
    struct write_list written;
    struct read_list answered, held;
    bool refusing;      /* the last commit failed … */
    struct err refusal; /* … for this reason */

    struct writer writer;
    struct reader reader;
};

int64_t store_wall_ms(const struct store *s);

#endif
