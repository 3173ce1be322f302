/*
 * store: the durable record of events, deliveries, attempts, and runs with their journals, behind a small asynchronous
 * interface: batches of writes in, completions on the loop. SQLite is the first implementation (sqlite.c); nothing
 * outside this folder knows it.
 *
 * Threads: every function is called on the loop's thread. The store works on threads of its own and calls `wake` from
 * there; the owner then calls store_dispatch() on the loop, which runs the `done` callbacks. A submitted write or read
 * is the caller's memory and is not touched by the caller until its `done` ran.
 *
 * Promise: done(failure NULL) of a write means committed and synced. Writes of one store complete in the order they
 * were submitted (but for those that fail while others are kept, see store_health). A read's done runs after the
 * done of every write that its answer may show.
 */
#ifndef ANZOL_STORE_STORE_H
#define ANZOL_STORE_STORE_H

#include "core/attempt.h"
#include "core/delivery.h"
#include "core/err.h"
#include "core/uuid.h"

struct store;
struct arena;

/* One row. As part of a write every field is the caller's; in a result the views live as long as the result. */
struct store_delivery {
    int64_t seq; /* order of acceptance; assigned by the host, increasing */
    struct uuid id;
    int64_t event_seq; /* 0: called directly */
    enum delivery_state state;
    int attempts; /* made so far */
    int tries;    /* of them since it was accepted, or sent again by hand */
    int64_t created_ms;
    int64_t first_ms;         /* start of the first attempt; 0: none */
    int64_t due_ms;           /* next attempt, while waiting; else 0 */
    int64_t finished_ms;      /* 0: pending */
    int status;               /* of the last attempt; 0: none */
    enum attempt_error error; /* of the last attempt */
    struct bytes message;     /* the error in words */
    struct bytes webhook, integration;
    int64_t run;          /* seq of the run that made it; 0: none */
    int step;             /* number of the run's step that it is */
    int64_t script;       /* results of READY, DUE and ONE: under which scripts that run goes; 0: none */
    struct bytes request; /* core/request.h; empty when not asked for, or never rendered */
};

struct store_event {
    int64_t seq; /* one sequence with deliveries, runs and scripts */
    struct uuid id;
    struct bytes key; /* the client's own id; empty: none. Seen within 24 h: the write is a duplicate */
    struct bytes name;
    struct bytes body; /* the envelope as it came */
    int64_t received_ms;
};

enum store_write_kind { STORE_ACCEPT, STORE_UPDATE, STORE_ADVANCE, STORE_SCRIPT, STORE_RUN_CHANGE };

struct store_write {
    enum store_write_kind kind;
    void (*done)(struct store_write *w, const struct err *failure);
    struct store_write *next;      /* the store's */
    struct store_failure *failure; /* the store's */
};

struct store_run;
struct store_step_end;

/*
 * An event with its deliveries and runs, or (event NULL) deliveries or runs alone: all or nothing. A run whose key is
 * that of another at work is written as QUEUED instead of READY, and its `state` says so afterwards.
 *
 * `keys` are what the event brings to those who wait for it: each open WAIT with one of them ends.
 */
struct store_accept {
    struct store_write base;
    const struct store_event *event;
    const struct store_delivery *deliveries;
    size_t count;
    struct store_run *runs;
    size_t run_count;
    const struct bytes *keys;
    size_t key_count;
    /* Results. duplicate: nothing was written; what the first one made: */
    bool duplicate;
    struct uuid first_event;
    struct buf first_ids;  /* 16 bytes a delivery; the caller buf_fini()s */
    struct buf first_runs; /* 16 bytes a run; the caller buf_fini()s */
    struct buf woken;      /* struct store_woken, each wait that `keys` ended; the caller buf_fini()s */
};

/*
 * The new face of one delivery, and the attempt that led to it. Also: marked sending, queued again, canceled. Fails
 * when the row is not there (removed by age).
 */
struct store_update {
    struct store_write base;
    struct store_delivery row;     /* seq says which; id, event_seq, created_ms, names and request are not written */
    const struct attempt *attempt; /* NULL: none to add */
    const struct store_step_end *step; /* NULL: no run waits for it */
    bool woken;                        /* result: the step has ended now, its run is READY */
};

enum store_read_kind {
    STORE_READ_READY,   /* queued deliveries of an integration, in order of seq */
    STORE_READ_DUE,     /* waiting deliveries of an integration that are due, in order of due time */
    STORE_READ_LIST,    /* the log, newest first */
    STORE_READ_ONE,     /* a delivery with its attempts and its event */
    STORE_READ_LANES,   /* integrations with something pending: whether any is queued, any waits (0 or 1), and when the
                           first is due */
    STORE_READ_BACKLOG, /* per integration: how many were pending when the store was opened. To be asked once; answered
                           when they are counted, while all else goes on */
    STORE_READ_RUNS,    /* this and the following: runs.h */
    STORE_READ_RUN_LIST,
    STORE_READ_RUN,
    STORE_READ_SCRIPT,
    STORE_READ_FORMS,
};

struct store_filter { /* empty or 0: any */
    struct bytes webhook, integration;
    int state;                  /* enum delivery_state, or -1: any */
    int64_t since_ms, until_ms; /* created in [since, until) */
    int64_t before_seq;         /* the cursor */
};

struct store_backlog {
    struct bytes integration;
    int64_t queued, waiting;
    int64_t first_due_ms; /* 0: none waiting */
};

struct store_read {
    enum store_read_kind kind;
    void (*done)(struct store_read *r, const struct err *failure);
    struct store_read *next;       /* the store's */
    struct store_failure *failure; /* the store's */
    /* Asked. Views must stay valid until done. */
    struct bytes integration; /* READY, DUE */
    int64_t after_seq;        /* READY, RUNS that are READY: only above */
    int64_t now_ms;           /* DUE, RUNS that are DUE */
    int limit;                /* READY, DUE, LIST, RUNS, RUN_LIST: rows */
    size_t limit_bytes; /* READY, DUE, RUNS: stop once the requests, or inputs, results and answers, pass it (one row
                           comes always) */
    struct store_filter filter; /* LIST */
    struct uuid id;             /* ONE, RUN */
    /* Answered; store_read_fini() releases. */
    struct store_delivery *rows;
    size_t count;
    bool more;                /* READY, DUE, LIST, RUNS, RUN_LIST: the limit cut it */
    int64_t next_before_seq;  /* LIST, RUN_LIST, when more: where the next page begins */
    int64_t next_due_ms;      /* DUE, RUNS: the earliest due time among those not in the answer; 0: none */
    struct attempt *attempts; /* ONE, in order */
    size_t attempt_count;
    struct store_event event; /* ONE, RUN; seq 0: none, or gone */
    struct uuid run_id;       /* ONE: of the run that made it, when rows[0].run is not 0; zero when that is gone */
    struct store_backlog *backlogs;
    size_t backlog_count;
    struct arena *arena; /* the store's: what the views point into */
};

#include "store/runs.h"

struct store_options {
    const char *folder; /* the database is folder/anzol.db */
    int64_t keep_ms;    /* what ended longer ago is removed, little by little (parked runs stay); 0: kept for ever */
    void (*wake)(void *ud); /* called on a store thread */
    void *ud;
    int64_t (*wall_ms)(void); /* NULL: the system clock */
    /* Called while opening, for each keyless delivery a crash left in flight: it is `unknown` now. May be NULL. */
    void (*on_unknown)(void *ud, const struct store_delivery *row);
};

/*
 * Opens or creates, migrates, settles what a crash left in flight (state SENDING becomes UNKNOWN with an attempt of
 * error ATTEMPT_CRASH), starts the threads. NULL on failure: `e` says what is wrong with which file and what to do.
 */
struct store *store_open(const struct store_options *o, struct err *e);
/*
 * Commits what was submitted, runs no callback any more, joins the threads, checkpoints. Answers nobody was told of are
 * released. NULL is fine.
 */
void store_close(struct store *s);
/* The highest seq that was ever in use (deliveries, events, runs and scripts). */
int64_t store_last_seq(const struct store *s);
/* The highest id of a delivery that was there when it was opened; zeros: none. Those to come should be above it: the
 * store finds a delivery by its id fastest when ids rise as their seqs do. */
struct uuid store_last_id(const struct store *s);

void store_submit(struct store *s, struct store_write *w);
/* Nothing more comes for now: what was submitted is committed now, or a millisecond after
 * the last commit, instead of when 512 rows or 3 ms (9, while this is not called) have gathered. */
void store_flush(struct store *s);
/* Something was submitted since the last flush. */
bool store_is_gathering(const struct store *s);
void store_query(struct store *s, struct store_read *r);
void store_read_fini(struct store_read *r);
/* Runs the callbacks of what has completed; returns how many. */
size_t store_dispatch(struct store *s);
/* Writes submitted and not completed: for backpressure. */
size_t store_pending(const struct store *s);
size_t store_pending_bytes(const struct store *s);
/*
 * 0 when the last commit went well; -1 with the reason while the database refuses. While it refuses, accepts and
 * changes of runs fail at once (one is let through every 250 ms to probe); updates, advances and scripts are kept and
 * tried again until they are committed: their `done` just comes later.
 */
int store_health(const struct store *s, struct err *e);

#endif
