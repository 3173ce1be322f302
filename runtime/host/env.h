/*
 * env: what the deciding parts of the host reach the world through, so that the same code runs under a virtual clock
 * with faults injected. Filled by host.c from the real thing.
 */
#ifndef ANZOL_HOST_ENV_H
#define ANZOL_HOST_ENV_H

#include "core/log.h"
#include "core/timers.h"
#include "core/uuid.h"
#include "net/transport.h"
#include "store/store.h"

struct counters { /* since the start; for /metrics and status */
    uint64_t events, duplicates, deliveries, attempts, succeeded, failed, unknown, retries, render_errors;
    uint64_t runs, runs_succeeded, runs_failed, runs_parked, runs_canceled;
};

struct env {
    int64_t (*mono_ns)(void);
    int64_t (*wall_ms)(void);
    void (*random)(void *out, size_t len); /* never fails */
    struct log *log;
    struct timers *timers;
    struct store *store;
    struct transport *transport;
    struct uuid_source ids;
    int64_t last_seq; /* of events and deliveries; the next one is one more */
    struct counters counters;
};

/* The system's clocks and randomness. */
int64_t env_mono_ns(void);
int64_t env_wall_ms(void);
void env_random(void *out, size_t len);

struct uuid env_new_id(struct env *e);
/* For those who have just read the clock. */
struct uuid env_new_id_at(struct env *e, int64_t wall_ms);
int64_t env_new_seq(struct env *e);
/* Uniform in [0, 1). */
double env_fraction(struct env *e);

#endif
