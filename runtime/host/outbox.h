/*
 * outbox: deliveries that have been rendered and are on their way into the store; when they are committed they are
 * offered to their lanes.
 */
#ifndef ANZOL_HOST_OUTBOX_H
#define ANZOL_HOST_OUTBOX_H

#include "host/dispatch.h"
#include "script/generation.h"

struct outbox_way {
    struct live *live; /* NULL for one that failed to render */
    struct lane *lane;
};

struct outbox {
    struct dispatch *dispatch;
    int64_t now_ms;    /* they are accepted at */
    int64_t event_seq; /* … of this event; 0: none */
    int64_t run;       /* … by this run, … */
    int64_t script;    /* … under these scripts; 0: none */
    struct store_delivery *rows;
    struct outbox_way *ways; /* of each row; in the same memory */
    size_t count, cap;
    struct store_delivery first; /* most have one */
    struct outbox_way first_way;
};

/* It must stay where it is. */
void outbox_init(struct outbox *o, struct dispatch *d);
/* Frees what has not been offered. */
void outbox_fini(struct outbox *o);
/* Copies. One that could not be rendered is kept as failed, so that the log shows it. -1: memory. */
int outbox_add(struct outbox *o, const struct rendered *r);
/* The rows are committed: counts them, tells the failed ones, offers the others. Once. */
void outbox_offer(struct outbox *o);

#endif
