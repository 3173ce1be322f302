/*
 * live: a delivery while it is in memory: ready to be sent, in flight, or being recorded; and the table of them all by
 * seq.
 *
 * Most pending deliveries are not here: what lies beyond a lane's window, and all that wait for a retry, is in the
 * store alone.
 */
#ifndef ANZOL_HOST_LIVE_H
#define ANZOL_HOST_LIVE_H

#include "host/env.h"
#include "script/generation.h"

struct lane;
struct dispatch;

struct live {
    struct live *next;  /* in a lane's queue */
    struct live *chain; /* in the table */
    struct lane *lane;
    int64_t seq;
    struct uuid id;
    int attempts; /* made so far */
    int tries;    /* of them since it was accepted, or sent again by hand: the retry rule counts these */
    int64_t created_ms, first_ms;
    int64_t run;                   /* the run that waits for its outcome, … */
    int step;                      /* … or made it, in this step; run 0: none */
    int64_t script;                /* under which that run goes; 0: none */
    bool has_key;                  /* the receiver gets the transactional id */
    bool judged;                   /* the webhook has a rule of its own for what an answer means */
    bool retry;                    /* it comes from waiting */
    struct flight *flight;         /* while in flight or being recorded */
    struct bytes webhook, request; /* in the same allocation */
    char text[];
};

/* What a delivery needs only while it is sent and recorded. */
struct flight {
    struct flight *next; /* when it is not in use */
    struct exchange exchange;
    struct store_update update;
    struct store_step_end end; /* of the step of a run that waits for it */
    struct buf result;         /* end.result points here; it has its room from the start */
    struct live *live;
    struct dispatch *dispatch;
    struct generation *judging; /* held: whose rule the answer is judged by; NULL: of those in force when it comes */
    bool sending;               /* the exchange is under way */
    char message[224];          /* update.row.message points here */
};

/* Copies webhook and request. NULL: memory. */
struct live *live_new(const struct uuid *id, int64_t seq, struct bytes webhook, struct bytes request);
void live_free(struct live *l);
size_t live_size(const struct live *l);

struct live_table {
    struct live **buckets;
    size_t size, count;
};

void live_table_init(struct live_table *t);
/* Frees what is still in it. */
void live_table_fini(struct live_table *t);
int live_table_add(struct live_table *t, struct live *l);
void live_table_remove(struct live_table *t, struct live *l);
struct live *live_table_find(const struct live_table *t, int64_t seq);

/* A queue, first in first out. */
struct live_queue {
    struct live *head, **tail;
    size_t count;
};

void live_queue_init(struct live_queue *q);
void live_queue_push(struct live_queue *q, struct live *l);
struct live *live_queue_pop(struct live_queue *q); /* NULL: empty */

#endif
