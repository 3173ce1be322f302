/*
 * receivers: the network and what is at its other end, in the place of net/transport.c.
 *
 * Each integration has a receiver, which is fine, or has one of its bad times. What it does with a request is thrown
 * when the request leaves; the host is told when that time has come.
 */
#ifndef ANZOL_SIM_RECEIVERS_H
#define ANZOL_SIM_RECEIVERS_H

#include <stdint.h>

enum mood {
    MOOD_FINE,      /* answers within a second, nearly always 200 */
    MOOD_SLOW,      /* … as late as the timeout allows, and later */
    MOOD_ERRORS,    /* 500, 503 with and without Retry-After, 404 */
    MOOD_THROTTLES, /* 429, mostly with Retry-After */
    MOOD_DOWN,      /* refuses connections */
    MOOD_RESETS,    /* resets them, before or after it has the request */
    MOOD_HANGS,     /* never answers */
    MOOD_GARBAGE,   /* what comes back is not HTTP, or not JSON */
    MOOD_HUGE,      /* long answers */
    MOOD_MIXED,     /* any of these */
    MOOD_PUTS_OFF,  /* 429, to come again in an hour or so */
    MOOD_COUNT
};

void receivers_set(int integration, enum mood m, int64_t for_ns);
/* All are fine from now on. */
void receivers_heal(void);
const char *receivers_mood_name(enum mood m);

#endif
