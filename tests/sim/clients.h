/*
 * clients: those who send events, as real ones do: what has an id of its own is sent again until it is acknowledged,
 * what has none is not.
 */
#ifndef ANZOL_SIM_CLIENTS_H
#define ANZOL_SIM_CLIENTS_H

#include "core/uuid.h"
#include "scripts.h"
#include "world.h"

enum { ASK_IDS_MAX = 4 };

/* One event, or one call of a webhook. */
struct ask {
    struct ask *next, *chain;
    char tag[SIM_TAG];
    const char *event; /* NULL: a call of … */
    const struct sim_webhook *webhook;
    bool keyed;       /* with an id of the client's */
    size_t pad;       /* bytes of data that nobody needs */
    int64_t pause_s;  /* of a flow: how long it sleeps */
    int64_t began_ns; /* it was sent the first time */
    bool acknowledged;
    int64_t acknowledged_ms, acknowledged_ns;
    unsigned owed;                    /* by which webhooks: owed.c */
    bool cancel_asked;                /* of the run */
    int64_t canceled_ns, canceled_ms; /* that was acknowledged then; 0: it was not */
    int64_t refused_ns, refused_ms;   /* or refused: it had ended */
    const struct ask *flow;           /* of an approval: what it approves */
    int tries;
    struct uuid ids[ASK_IDS_MAX]; /* of the deliveries, where the answer says so */
    size_t id_count;
    struct uuid run;
};

/* `number` makes the tag: unique. */
void clients_event(int number, const char *event, bool keyed, size_t pad, int64_t pause_s);
/* An event that is acknowledged already comes once more. `pick` chooses which. */
void clients_again(uint64_t pick);

/* --- for clients of other kinds */
/* One more, that waits for its acknowledgement. */
struct ask *clients_add(const char *tag);
void clients_acknowledge(struct ask *a);
/* Nobody asks for it any more. */
void clients_give_up(struct ask *a);
/* What is sent with it, as JSON. */
void clients_put_data(struct buf *out, const struct ask *a);
/* The event as it is sent. */
void clients_put_envelope(struct buf *out, const struct ask *a);
/* Sends it, again and again where it has an id. `text` is taken. */
void clients_send(struct ask *a, struct buf *text);
/* How long until one comes again, in ns. */
int64_t clients_patience(void);
/* One of those that fit; NULL: none does. */
struct ask *clients_pick(uint64_t pick, bool (*fits)(const struct ask *));
bool clients_is_flow(const struct ask *a);
/* It is known which deliveries came of it: it was acknowledged. */
bool clients_has_ids(const struct ask *a);

/* --- for the oracles */
bool clients_asked(const char *tag, const struct sim_webhook *w);
/* At most one event of that tag can have been accepted. */
bool clients_once(const char *tag);
struct ask *clients_first(void);
/* NULL: none. */
struct ask *clients_find(const char *tag);
/* None waits for its acknowledgement. */
bool clients_are_done(void);

#endif
