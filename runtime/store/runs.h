/*
 * runs: the part of store.h about flows: their runs, the journal of each run's steps, and the scripts they started
 * under. The promises and the threads are those of store.h.
 *
 * A run's row says how it stands; its steps are the journal, from which it is replayed. What ends a step from outside
 * (the outcome of a delivery, an event) is written in the same transaction as what it comes from, and counted in
 * `woken`; the run says in each advance how many of these it has seen, and is READY while there are more. So no wake-up
 * is lost, whatever crosses whatever.
 */
#ifndef ANZOL_STORE_RUNS_H
#define ANZOL_STORE_RUNS_H

#include "core/run.h"

/* Of results and answers of one run that are read to replay it, and of answers when it is looked at: later ones come
 * without their body then. */
enum { STORE_RUN_BYTES_MAX = 96 << 20, STORE_RUN_BODIES_MAX = 8 << 20 };

/* One row. As part of a write every field is the caller's; in a result the views live as long as the result. */
struct store_run {
    int64_t seq; /* one sequence with deliveries, events and scripts */
    struct uuid id;
    int64_t event_seq; /* what started it; 0: none */
    int64_t script;    /* seq of the scripts it runs under */
    enum run_state state;
    int steps;    /* in the journal */
    int woken;    /* steps ended from outside so far */
    int64_t mark; /* of its last advance; 0: none yet */
    int64_t created_ms;
    int64_t due_ms;      /* WAITING, SLEEPING: when a time is up; 0: none */
    int64_t finished_ms; /* final: since when; else 0 */
    struct bytes flow;
    struct bytes key;     /* empty: none */
    struct bytes message; /* why it failed or is parked */
    struct bytes result;  /* SUCCEEDED: what it returned, as JSON; may be empty */
    struct bytes input;   /* the event's envelope; in results of LOAD and ONE only */
    struct uuid event_id; /* of what started it, written and read with the run */
    /* Results of LOAD and ONE: its steps among those of the answer. */
    size_t first_step, step_count;
    bool too_big; /* LOAD: its journal holds more than STORE_RUN_BYTES_MAX; the rest of it was not read */
};

/* One step of a run, by (run, number). */
struct store_step {
    int64_t run;
    int number; /* 1, 2, … in the order in which they were asked for */
    enum step_kind kind;
    struct bytes path;  /* where in the flow: "3", "4.2.1" */
    struct bytes name;  /* the webhook, the event, the duration */
    struct bytes match; /* WAIT: the key that an event must bring, or has brought; else empty */
    int64_t ref;        /* CALL, SEND: seq of the delivery; WAIT, ended by an event: its seq; new: of the last with its
                           key that ended one of the run */
    int attempt;        /* CALL, ended: number of the attempt that ended it; 0: none */
    int64_t due_ms;     /* SLEEP, WAIT: when the time is up; 0: never */
    int64_t started_ms;
    int64_t ended_ms;    /* 0: open */
    struct bytes result; /* JSON; of a WAIT {"id":…,"event":envelope} or null (time was up) */
    /* Results only. */
    struct uuid delivery;         /* id of `ref`, CALL and SEND; zero when it is gone */
    const struct attempt *answer; /* CALL, ended: that attempt; NULL: none */
};

/* A wait that has ended by an event. Its run is READY now, or was already. */
struct store_woken {
    int64_t run;
    int step;
};

/*
 * The end of a call, beside the update of its delivery. A step that has ended already stays as it is, and so does one
 * of a run that is gone, succeeded or canceled. One of a run that failed or is parked ends, without waking it: it may
 * be resumed, and goes on with what came meanwhile. So do its open waits.
 */
struct store_step_end {
    int64_t run;
    int step;
    int attempt;
    int64_t ended_ms;
    struct bytes result;
};

/*
 * What a run did until it came to wait or end: new steps with their deliveries, ended ones, its new face. Kept like an
 * update while the database refuses. Fails when the run is not there.
 *
 * A run that was canceled meanwhile stays canceled, and one whose row has another mark has gone on without whoever made
 * this: then nothing of the advance is written (`superseded`). So one that began from an old answer does no harm.
 */
struct store_advance {
    struct store_write base;
    struct store_run
        run; /* seq says which, mark how it was; written: script, state, steps, due_ms, finished_ms, message, result */
    int64_t mark; /* of this advance: random, so that no other has it */
    int seen;     /* how many of `woken` it knows: with more, it is READY instead of WAITING or SLEEPING */
    const struct store_step *steps; /* new ones (a number above the row's steps), or ended ones (ended_ms set) */
    size_t step_count;
    const struct store_delivery *deliveries; /* of new steps */
    size_t delivery_count;
    int64_t arrived_after; /* a new WAIT is ended at once by the earliest event with its key above this seq and `ref` */
    const struct bytes *forms; /* pairs of event name and form, see store_read_forms; known ones are fine */
    size_t form_count;         /* of pairs */
    /* Results. */
    bool superseded;
    bool woken;          /* it is READY: there was more than it had seen, or an event had arrived */
    int64_t next_of_key; /* final: the run of the same key that is READY now; 0: none */
};

/*
 * The scripts that runs start under from now on. Kept like an update. Removed when newer ones are there and no run is
 * left whose seq is between theirs and the next ones', unless a run was resumed under them.
 */
struct store_script_write {
    struct store_write base;
    int64_t seq;
    struct bytes hash, archive;
};

enum store_run_order { STORE_RUN_CANCEL, STORE_RUN_RESUME };

/*
 * What a person asks of a run. CANCEL: any but a succeeded, failed or canceled one is CANCELED; its open waits close.
 * RESUME: a PARKED or FAILED one is READY (QUEUED while another of its key is at work), under `script` when not 0.
 * Fails like an accept while the database refuses.
 */
struct store_run_change {
    struct store_write base;
    enum store_run_order order;
    int64_t run;
    int64_t script;
    int64_t now_ms;
    struct bytes message; /* CANCEL: kept with it */
    /* Results. */
    bool changed;         /* false: its state does not allow it, `state` says which */
    enum run_state state; /* as it is now */
    int64_t next_of_key;
};

enum store_load_what {
    STORE_LOAD_THESE, /* the runs in `seqs` that are READY, in the order of `seqs` */
    STORE_LOAD_READY, /* READY ones above after_seq, in order of seq */
    STORE_LOAD_DUE,   /* WAITING and SLEEPING ones that are due at now_ms, in order of due time */
};

struct store_run_filter { /* empty or 0: any */
    struct bytes flow;
    int state; /* enum run_state, or -1: any */
    int64_t since_ms, until_ms;
    int64_t before_seq;
};

/*
 * Kinds STORE_READ_RUNS (load: runs with input and steps), STORE_READ_RUN_LIST (newest first), STORE_READ_RUN (one,
 * with steps, answers and event). Limits, id and cursor, and what is said beside the runs, are in `base`.
 */
struct store_read_runs {
    struct store_read base;
    /* Asked. */
    enum store_load_what what; /* RUNS */
    const int64_t *seqs;       /* THESE */
    size_t seq_count;
    struct store_run_filter filter; /* RUN_LIST */
    /* Answered; store_read_fini() of the base releases. */
    struct store_run *runs;
    size_t count;
    struct store_step *steps;
    size_t step_count;
};

/* Kind STORE_READ_SCRIPT. */
struct store_read_script {
    struct store_read base;
    int64_t seq; /* 0: the newest */
    /* Answered: `found` is its seq, 0 when there is none. */
    int64_t found;
    struct bytes hash, archive;
};

/* Kind STORE_READ_FORMS: in which forms events are waited for, for all names. A form is what the waiting side made up:
 * text. */
struct store_read_forms {
    struct store_read base;
    struct store_form {
        struct bytes name, form;
    } * forms;
    size_t count;
};

#endif
