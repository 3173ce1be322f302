/*
 * dispatch: the way of a delivery once it is committed: lane → limiter → transport → retry decision → store.
 *
 * It owns the lanes and what is in memory of each. A delivery without the idempotency key is first written down as
 * sending, so that a crash cannot send it twice: that costs it one more commit. The outcome of an attempt holds no
 * place at the receiver: the lane sends the next while the last is being recorded, up to a bound.
 */
#ifndef ANZOL_HOST_DISPATCH_H
#define ANZOL_HOST_DISPATCH_H

#include "core/request.h"
#include "host/lane.h"

struct flight;

struct dispatch {
    struct env *env;
    struct lane *lanes;    /* all of them */
    struct lane **by_name; /* the same, chained by their hash */
    size_t by_name_size, lane_count;
    struct live_table live;
    struct flight *spare; /* flights to be used again, linked by `next` */
    int spare_count;
    size_t bytes;
    size_t answers; /* bytes of those that are not recorded yet, all lanes */
    int in_flight;  /* exchanges and what is being marked or recorded, all lanes */
    bool held;      /* starts no attempt: not yet begun, or draining */
    /* A delivery has reached its final state, committed. May be NULL. */
    void (*on_final)(void *ud, int64_t seq);
    /* It was a step that a run waits for, whose end is committed. May be NULL. */
    void (*on_step_end)(void *ud, const struct live *l, const struct store_step_end *end, const struct attempt *answer);
    /* Whether the scripts are there that the answer to it is to be judged by; if not, dispatch_go_on() follows once
     * they are. `*judging`: these, to be held until then; NULL: those that are in force then. May be NULL: always. */
    bool (*can_judge)(void *ud, const struct live *l, struct generation **judging);
    /* What the rule of the webhook of `f` makes of its answer, as generation_judge(). NULL: no webhook has one. */
    int (*judge)(void *ud, const struct flight *f, struct retry_judgement *out, struct buf *message, struct err *e);
    /* An exchange has ended, and its outcome is on its way into the record. NULL: nobody looks on. */
    void (*on_exchange)(void *ud, const struct flight *f);
    void *on_exchange_ud;
    void *ud; /* of the others */
};

/* Held: what is offered stays where it is until dispatch_begin(). */
void dispatch_init(struct dispatch *d, struct env *env);
void dispatch_begin(struct dispatch *d);
/* What can_judge() held back may go now. */
void dispatch_go_on(struct dispatch *d);
/* After store and transport are closed: nothing is in flight any more. */
void dispatch_fini(struct dispatch *d);

/* The lane of that name; NULL: there is none. */
struct lane *dispatch_find_lane(const struct dispatch *d, struct bytes integration);
/* The same, made when there is none. NULL: memory. */
struct lane *dispatch_lane(struct dispatch *d, struct bytes integration);
/* Starts no further attempt; what is in flight ends and is recorded. */
void dispatch_drain(struct dispatch *d);
/* Ends what is in flight at once, unrecorded: a restart settles it. */
void dispatch_abort(struct dispatch *d);
/* True while `seq` is at the receiver or on its way into the record. */
bool dispatch_sending(const struct dispatch *d, int64_t seq);

#endif
