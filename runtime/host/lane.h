/*
 * lane: what one integration has to send, in order, within bounded memory.
 *
 * Each integration has a lane of its own, so that a slow or dead one never delays another. A lane keeps a window of
 * deliveries in memory; what is accepted beyond it stays in the store (the lane is *spilled*) and is read back in order
 * of acceptance as the window empties. A delivery that waits for its next attempt is in the store alone: the lane knows
 * the earliest due time and reads what is due then. Due retries go before fresh deliveries, else a backlog would eat
 * their window.
 */
#ifndef ANZOL_HOST_LANE_H
#define ANZOL_HOST_LANE_H

#include "core/limiter.h"
#include "core/meter.h"
#include "host/live.h"

struct dispatch;

enum {
    LANE_WINDOW = 1024,               /* deliveries in memory, a lane */
    LANE_WINDOW_BYTES = 2 << 20,      /* of their requests, a lane */
    LANE_ALL_BYTES = 16 << 20,        /* … all lanes together */
    LANE_WINDOW_MIN = 16,             /* what a lane may hold whatever the others do, … */
    LANE_WINDOW_MIN_BYTES = 64 << 10, /* … if it is not more than this */
};

struct lane {
    struct lane *next;
    struct lane *chain; /* in the dispatch's table of names */
    size_t hash;        /* of the name */
    struct dispatch *dispatch;
    struct env *env;
    struct live_table *live;
    size_t *all_bytes;                 /* shared by all lanes */
    void (*on_supply)(struct lane *l); /* there may be something to send */
    char *name;
    double rate; /* requests per per_ms; 0: no limit */
    int64_t per_ms;
    int concurrency;
    struct limiter limiter;
    bool removed;      /* the scripts do not have it any more: what is pending goes out */
    bool paused;       /* by hand, until it is resumed */
    struct meter sent; /* requests */
    struct timer wake; /* the limiter allows the next request */

    struct live_queue marked;  /* written down as sending (no key): next out */
    struct live_queue retries; /* due again */
    struct live_queue ready;   /* fresh */
    struct live_queue settled; /* recorded while a read was under way, whose answer may still show them as pending */
    size_t bytes;              /* of what the queues hold */
    int marking, in_flight, recording;
    int64_t queued_total, waiting_total; /* pending in all, memory and store, … */
    bool uncounted;                      /* … but for how many there were at the start: not known yet */

    bool spilled;
    int64_t cursor;     /* every queued delivery up to here has been in memory */
    int64_t spill_high; /* the newest that was left in the store */
    int64_t rewind;     /* before the oldest that was left there since the last read was asked for */
    struct store_read ready_read;
    bool ready_reading;
    int64_t ready_read_high; /* spill_high when the read was asked for */

    int64_t next_due_ms; /* of those waiting in the store; 0: none */
    struct timer due;
    struct store_read due_read;
    bool due_reading;
};

/* 0, or -1: memory. The limiter starts as if a request had just left. */
int lane_init(struct lane *l, struct env *env, struct bytes name);
/* Frees what the queues hold. Reads must have ended (the store is closed). */
void lane_fini(struct lane *l);
void lane_set_rate(struct lane *l, double rate, int64_t per_ms, int concurrency);
/* By hand: no attempt starts until `until_ns`, or, when that is INT64_MAX, until it is resumed. The last word counts;
 * but a longer pause that has an end, as one that the receiver has asked for, goes on. */
void lane_pause(struct lane *l, int64_t until_ns);
/* Ends each pause, also one that the receiver has asked for. */
void lane_resume(struct lane *l);
/* Nothing of it is at the receiver, or on its way there. */
bool lane_is_idle(const struct lane *l);
/* Nothing of it is pending either. */
bool lane_is_empty(const struct lane *l);
/* The store holds something of this lane when the host starts: queued or not; and the first of what waits, 0: none. */
void lane_set_backlog(struct lane *l, bool queued, int64_t first_due_ms);
/* How many these were. */
void lane_counted(struct lane *l, int64_t queued, int64_t waiting);

/* A committed delivery, fresh (l->retry false). Takes ownership: it is queued, or freed and left in the store. */
void lane_offer(struct lane *lane, struct live *l);
/* One is waiting in the store until `due_ms`. */
void lane_wait(struct lane *lane, int64_t due_ms);
/* The next to send: marked, then due retries, then fresh ones. NULL: none in memory. */
struct live *lane_peek(const struct lane *lane);
/* Takes it out, and reads more from the store when the window runs low. */
struct live *lane_pop(struct lane *lane);
/* It is recorded: no longer the lane's to send. Frees it, at once or when no read can bring it back. */
void lane_settle(struct lane *lane, struct live *l);

#endif
