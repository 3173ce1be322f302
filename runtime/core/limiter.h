/*
 * limiter: the generic cell rate algorithm (ITU-T I.371), burst 1, one per integration.
 *
 * The promise is: in any window of `per` (one second for a plain rate) at most `count` requests. A request is due
 * at `tat`, the theoretical arrival time; it may leave up to `slack` early against that schedule only to make up for
 * an earlier one that left late (timer grain, a busy loop). The interval is stretched by 1 % and the slack kept under
 * half of what that gains over a window, so the promise holds with the other half to spare for the network, and a
 * backlog is served at 99 % of the rate. The start counts as a request: a restart cannot burst.
 *
 * Pure: `now_ns` is any monotonic clock.
 */
#ifndef ANZOL_CORE_LIMITER_H
#define ANZOL_CORE_LIMITER_H

#include <stdint.h>

struct limiter {
    int64_t interval_ns; /* 0: no limit */
    int64_t slack_ns;
    int64_t tat_ns;
    int64_t paused_until_ns;
};

/* `count` requests per `per_ns`; count 0: no limit. The first request is due one interval after `now_ns`. */
void limiter_init(struct limiter *l, double count, int64_t per_ns, int64_t now_ns);
/* A new rate, as after a reload: what the old one granted still counts, so that a reload cannot burst. */
void limiter_set_rate(struct limiter *l, double count, int64_t per_ns, int64_t now_ns);
/* 0: a request may leave now and is counted. Otherwise the nanoseconds until one may, nothing counted. */
int64_t limiter_take(struct limiter *l, int64_t now_ns);
/* What limiter_take() would say, counting nothing. */
int64_t limiter_wait(const struct limiter *l, int64_t now_ns);
/* No request before `until_ns` (an earlier, longer pause stands). */
void limiter_pause(struct limiter *l, int64_t until_ns);
void limiter_resume(struct limiter *l);
/* Nanoseconds the pause lasts; 0: none. */
int64_t limiter_pause_left(const struct limiter *l, int64_t now_ns);

#endif
