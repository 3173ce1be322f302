/*
 * run: the states of a flow's run, the kinds of its steps, and what a call came to, as the journal keeps it.
 */
#ifndef ANZOL_CORE_RUN_H
#define ANZOL_CORE_RUN_H

#include "core/buf.h"
#include "core/uuid.h"

/* Stored by number: append only. */
enum run_state {
    RUN_READY = 0,     /* it has something to do: to begin, or to go on with what came */
    RUN_WAITING = 1,   /* for an outcome or an event, and perhaps for a time too */
    RUN_SLEEPING = 2,  /* for a time alone */
    RUN_QUEUED = 3,    /* behind another run of its flow and key */
    RUN_SUCCEEDED = 4, /* its function returned */
    RUN_FAILED = 5,    /* … or raised */
    RUN_PARKED = 6,    /* it cannot go on as it is: a person must look */
    RUN_CANCELED = 7,
    RUN_STATE_COUNT
};

/* "running" for RUN_READY, "waiting", "sleeping", …: what the API and the log call it. */
const char *run_state_name(enum run_state s);
/* 0, or -1: no such state. */
int run_state_parse(struct bytes name, enum run_state *out);
/* True when it will not go on by itself: succeeded, failed, parked, canceled. */
bool run_state_final(enum run_state s);

/* Stored by number: append only. */
enum step_kind {
    STEP_CALL = 1,   /* a delivery whose outcome is waited for */
    STEP_SEND = 2,   /* a delivery; done at once */
    STEP_SLEEP = 3,  /* a time */
    STEP_WAIT = 4,   /* an event, or a time */
    STEP_MANAGE = 5, /* runs.cancel() and the like */
    STEP_KIND_COUNT
};

/* "call", "send", "sleep", "wait_event", "runs"; "invalid" for a number that is none. */
const char *step_kind_name(enum step_kind k);

/* The most steps of one run. */
enum { RUN_STEPS_MAX = 65535 };

/*
 * Appends what the journal keeps of a call beside the attempt that ended it:
 * {"ok":bool,"attempts":n,"error":{"kind","message"}?,"vars":{…}?}. An empty `error_kind` leaves the error out, empty
 * `vars` (JSON text) too. Returns -1 when memory is short (sticky in `out`).
 */
int run_call_result(struct buf *out, bool ok, int attempts, const char *error_kind, struct bytes message,
                    struct bytes vars);
/*
 * The same of a wait that an event ended: {"id":"…","event":ENVELOPE}; what the store writes and what the run is told
 * must be alike. An empty envelope is null.
 */
int run_wait_result(struct buf *out, const struct uuid *id, struct bytes envelope);

#endif
