/*
 * intake: what enters: an event, or a direct call of a webhook, rendered by the scripts and committed. Only when the
 * commit is synced does its `done` run and are its deliveries offered to their lanes.
 */
#ifndef ANZOL_HOST_INTAKE_H
#define ANZOL_HOST_INTAKE_H

#include "host/dispatch.h"
#include "script/generation.h"

struct intake {
    struct env *env;
    struct dispatch *dispatch;
    struct generation *generation; /* the host's; replaced by a reload */
};

struct intake_result { /* valid during the callback */
    bool duplicate;    /* seen within 24 h: what follows is what the first one made */
    struct uuid event; /* not of a direct call */
    const struct uuid *ids;
    const int64_t *seqs; /* NULL of a duplicate */
    size_t count;
};
/* `failure`: nothing was accepted. */
typedef void intake_done(void *ud, const struct intake_result *r, const struct err *failure);

/* 0: `done` will be called once. -1: it will not, `e` says why (ERR_INPUT, ERR_MEMORY). */
int intake_event(struct intake *in, struct bytes envelope, intake_done *done, void *ud, struct err *e);
int intake_call(struct intake *in, const char *webhook, struct bytes data, intake_done *done, void *ud, struct err *e);

#endif
