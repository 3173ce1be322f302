/*
 * intake: what enters: an event, a direct call of a webhook, or a run to be made again; rendered by the scripts and
 * committed. Only when the commit is synced does its `done` run, are its deliveries offered to their lanes and do its
 * runs begin.
 */
#ifndef ANZOL_HOST_INTAKE_H
#define ANZOL_HOST_INTAKE_H

#include "host/runs.h"

struct intake {
    struct env *env;
    struct dispatch *dispatch;
    struct scripts *scripts;
    struct runs *runs;
};

struct intake_result {      /* valid during the callback */
    bool duplicate;         /* seen within 24 h: what follows is what the first one made */
    struct uuid event;      /* not of a direct call */
    const struct uuid *ids; /* of its deliveries */
    const int64_t *seqs;    /* NULL of a duplicate */
    size_t count;
    const struct uuid *runs;
    size_t run_count;
    enum run_state run_state; /* of the first of them, as it was written; not of a duplicate */
    size_t woken;             /* runs that waited for it */
};
struct intake_asker;
/* `failure`: nothing was accepted. */
typedef void intake_done(const struct intake_asker *by, const struct intake_result *r, const struct err *failure);

struct intake_asker { /* who is to learn it */
    intake_done *done;
    void *ud;
    uint64_t line; /* of a batch */
};

/* 0: `done` will be called once. -1: it will not, `e` says why (ERR_INPUT, ERR_MEMORY). */
int intake_event(struct intake *in, struct bytes envelope, struct intake_asker by, struct err *e);
int intake_call(struct intake *in, const char *webhook, struct bytes data, struct intake_asker by, struct err *e);
/* A new run of the flow of `old`, from the same event (old->input), under the scripts of now. `as`: its id; NULL: a
 * fresh one. */
int intake_restart(struct intake *in, const struct store_run *old, const struct uuid *as, struct intake_asker by,
                   struct err *e);

#endif
