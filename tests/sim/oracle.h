/*
 * oracle: what must be true of the requests that leave, checked as they leave and at the end, against a record of its
 * own: what was asked for, what each receiver got and answered, and what the host was told of it.
 *
 * It reads the host's memory in one place only: at a crash, which deliveries' last attempt was not in the record yet.
 */
#ifndef ANZOL_SIM_ORACLE_H
#define ANZOL_SIM_ORACLE_H

#include "core/attempt.h"
#include "core/uuid.h"
#include "scripts.h"
#include "world.h"

struct exchange;

struct delivery;

struct sent {
    struct sent *next;
    struct delivery *of;
    int life;
    int number;                           /* as the host counts */
    int64_t at_ns, end_ns, at_ms, end_ms; /* wall clock in ms */
    bool told;                            /* the host knows how it ended */
    bool unsure;                          /* … but died, maybe before it was in the record */
    bool needs_json;
    bool bad; /* a 2xx that the webhook's rule calls no success */
    enum attempt_class class;
    enum attempt_error error;
    int status;
    int64_t retry_after_ms;
    int64_t token; /* of the answer */
};

struct delivery {
    struct delivery *chain, *tag_chain;
    struct uuid id;
    const struct sim_webhook *webhook;
    char tag[SIM_TAG], step[16];
    uint64_t hash;             /* of the stored request */
    struct sent *first, *last; /* in order; NULL: none */
    struct sent *series;       /* the first of those that the retry rule counts */
    bool resend_asked;         /* by hand: a new series may begin */
    bool resend_taken;         /* … surely, or maybe … */
    bool resend_sure;          /* … surely */
    bool doubtful;             /* nobody knows whether the series began with a resend, or went on in spite of it */
    int resends;               /* … that are not answered */
    bool resend_owed;          /* … one was taken, alone: there must be another attempt */
    bool at_risk;              /* at the last crash it was in flight or being recorded */
    bool was_at_risk;          /* at any crash */
};

/* --- what happens */
/* A request leaves the host; the record of it is filled in as it goes on, until it is told. `in_flight` of the
 * integration are under way, with it. */
struct sent *oracle_sent(const struct exchange *x, int integration, int in_flight);
/* The host is about to be told; `in_flight` of the integration are left. */
void oracle_told(struct sent *s, const struct attempt *a, int64_t token, bool no_json, int in_flight);
void oracle_resend_asked(struct delivery *d);
/* Its answer: 202, a refusal; or 503 or 0, nobody knows. `alone`: no other was under way. */
void oracle_resend_answered(struct delivery *d, int status, bool alone);
void oracle_crashed(void);
/* The host has stopped in order. `waited`: it had all the time and a sound disk, so nothing may be in flight. */
void oracle_stopped(bool waited);
/* Now and then: memory. */
void oracle_look(void);

/* --- what is known */
/* A success, by the webhook's rule. */
bool oracle_succeeded(const struct sent *s);
struct delivery *oracle_find(const struct uuid *id);
/* The delivery of that tag by that webhook (and step, for those of flows, else ""); NULL: none was ever sent. */
struct delivery *oracle_find_by(const char *tag, const char *webhook, const char *step);
/* Of all that left, in order. */
uint64_t oracle_hash(void);

#endif
