/*
 * runs: the runs of flows: which of them are in memory, when each goes on, and how what it does is written down.
 *
 * A run goes on when it is accepted, when the outcome of a call or an event it waits for is committed, and when its
 * time is up. It goes as far as it can (script/task.h); what it asked for is one write (store_advance); only when that
 * is committed do its deliveries leave. Then it waits: the last two thousand or so in memory, all others in the store
 * alone, from where they are read and replayed when it is their turn. So a million sleeping runs cost disk.
 *
 * Nothing here decides whether a wake-up is lost: the store counts them (store/runs.h).
 */
#ifndef ANZOL_HOST_RUNS_H
#define ANZOL_HOST_RUNS_H

#include "host/dispatch.h"
#include "host/forms.h"

struct run;
struct scripts;

enum {
    RUNS_WRITING_MAX = 512,      /* runs whose advance is being committed: more are not begun for the moment */
    RUNS_IDLE_MAX = 2048,        /* runs that wait in memory */
    RUNS_IDLE_BYTES = 16 << 20,  /* … of the events and answers they were given */
    RUNS_JOURNAL_MAX = 64 << 20, /* … and of those of one run in its life */
    RUNS_IDLE_MS = 500,          /* the one that has waited longest makes room for a new run after that time */
    RUNS_FRESH_MAX = 8192,       /* new ones that are not begun yet: more stay in the store for the moment */
    RUNS_FRESH_BYTES = 4 << 20,  /* … of their events */
    RUNS_BUCKETS = 4096,         /* of the table of those in memory */
    RUNS_AT_A_TIME = 128,        /* read from the store */
    RUNS_WAKES_MAX = 1024,       /* runs to be read, by seq; with more, all that are READY are looked through */
};

struct run_list { /* of runs that are linked by `prev` and `next` */
    struct run *first, *last;
    size_t count;
};

struct runs {
    struct env *env;
    struct dispatch *dispatch;
    struct scripts *scripts;
    struct forms forms;
    bool held; /* begins nothing: not yet begun, or stopping */
    /* Does a step of kind STEP_MANAGE; runs_managed() follows, at once or later. */
    void (*manage)(void *ud, int64_t run, const struct uuid *id, int step, struct bytes name);
    void *ud;

    struct run *buckets[RUNS_BUCKETS]; /* by seq */
    size_t count;
    struct run_list idle; /* they wait; the first has done so longest */
    size_t idle_bytes;
    int64_t short_seq; /* the run that Lua had no memory for, last time */
    size_t writing;
    struct run_list fresh; /* not begun yet */
    size_t fresh_bytes;
    struct timer make_room; /* the one that has waited longest may go then */

    /* What is to be read from the store. */
    struct store_read_runs load;
    bool loading;
    int64_t *passed; /* while loading: runs that were written meanwhile, of which the answer may know less */
    size_t passed_count, passed_cap;
    bool passed_lost; /* out of memory */
    int turn;         /* whose it is: woken, due, left */
    int64_t wakes[RUNS_WAKES_MAX], asked[RUNS_AT_A_TIME];
    size_t wake_count;
    bool left;      /* READY ones were left in the store, above … */
    int64_t cursor; /* … this seq */
    struct timer due;
    int64_t next_due_ms; /* of those in the store; 0: none */
    bool due_now;
    size_t due_writing;    /* of the last that were read as due, those that still stand so in the store */
    bool due_blocked;      /* some that are due wait for their scripts to be read, … */
    int64_t left_blocked;  /* … and READY ones, from that one on; 0: none */
    int64_t not_before_ns; /* nothing is read: something failed a moment ago */
    struct timer held_off; /* that is over */
};

void runs_init(struct runs *r, struct env *env, struct dispatch *d, struct scripts *s);
/* After the store is closed. */
void runs_fini(struct runs *r);
/* Reads what is ready and due. */
void runs_begin(struct runs *r);
/* Begins nothing any more; what is being written down ends. */
void runs_stop(struct runs *r);

/* A committed new run; copied. */
void runs_accepted(struct runs *r, const struct store_run *run);
/* The store says that it is READY: it is read when there is room, or reads again what it knows. */
void runs_wake(struct runs *r, int64_t seq);
/* A wait of a run has ended by an event; `result` as the journal has it. */
void runs_event(struct runs *r, const struct store_woken *w, int64_t event_seq, int64_t now_ms, struct bytes result);
/* A call has ended: `on_step_end` of the dispatch. */
void runs_step_ended(struct runs *r, const struct live *l, const struct store_step_end *end,
                     const struct attempt *answer);
/* A step that `manage` was asked for is done. `result` empty: there was no memory for it, and it is asked for again. */
void runs_managed(struct runs *r, int64_t run, int step, struct bytes result);
/* Those that only wait leave memory: as when there are new scripts, and each would keep the old ones. */
void runs_let_go(struct runs *r);
/* It is canceled, and leaves memory. */
void runs_canceled(struct runs *r, int64_t seq);
/* Earlier scripts were read: `on_found` of the scripts. */
void runs_scripts_found(struct runs *r);

#endif
