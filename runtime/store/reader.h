/*
 * reader: the thread that answers queries, on a connection that cannot write.
 *
 * What the dispatch and the runs wait for (ready, due, backlog, …) goes before what people ask for; a long list is read
 * in slices, between which the others get their turn and the log may be checkpointed. When there is nothing else to do
 * it counts (count.h).
 */
#ifndef ANZOL_STORE_READER_H
#define ANZOL_STORE_READER_H

#include "store/count.h"
#include "store/ids.h"
#include "store/store.h"

#include <pthread.h>

struct reader {
    struct store *s;
    pthread_t thread;
    struct sqlite c;
    bool stale;    /* the connection has failed: a new one before the next query */
    bool hot_last; /* whose turn it was: cold ones must not starve */
    struct ids delivery_ids;
    sqlite3_stmt *begin, *mark, *ready, *ready_fresh, *due;
    sqlite3_stmt *lanes;
    struct count count;
    sqlite3_stmt *one, *attempts, *event;
    sqlite3_stmt *list, *list_state, *first_queued, *first_from, *last;
    sqlite3_stmt *these_runs, *ready_runs, *due_runs, *one_run, *steps, *script, *newest_script, *forms;
    sqlite3_stmt *list_runs, *list_runs_state, *list_runs_ready, *first_run_from, *last_run;
};

/* Opens the connection (the writer's is open). On the caller's thread. */
int reader_open(struct reader *rd, struct store *s, struct err *e);
int reader_start(struct reader *rd, struct err *e);
/* After s->closing was set: the query under way ends, no other begins. */
void reader_join(struct reader *rd);
void reader_close(struct reader *rd);

/* Between two slices of a long query: lets others have their turn. False: the store is closing, give up. */
bool reader_yield(struct reader *rd);

#endif
