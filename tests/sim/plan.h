/*
 * plan: what will happen in one simulated day, thrown in advance from the seed. A part of it can be left out, which is
 * how a trace that fails is shrunk: the tags of what is left stay what they were.
 */
#ifndef ANZOL_SIM_PLAN_H
#define ANZOL_SIM_PLAN_H

#include "core/timers.h"

#include <stddef.h>
#include <stdint.h>

enum { PLAN_MAX = 2048 };

enum action_kind {
    ACT_EVENT,      /* of a kind (a: 0 order, 1 ping), b: without an id, c: bytes of padding */
    ACT_BATCH,      /* a, b: how many, c */
    ACT_CALL,       /* a: webhook, b: waits */
    ACT_FLOW,       /* a: how long it sleeps, in s */
    ACT_APPROVE,    /* a: the number of the flow */
    ACT_MEET,       /* the same when the flow comes to a moment; b: which, c: ns after it */
    ACT_MEET_CRASH, /* a: the flow; b: power; c: before the c-th change of the disk after that moment */
    ACT_MEET_READ,  /* a: as of ACT_EVENT, when a read of the disk takes long; c */
    ACT_AGAIN,      /* a: which */
    ACT_RESEND,     /* a: which */
    ACT_CANCEL,     /* a: which */
    ACT_LOOK,       /* a: at what */
    ACT_KEPT,       /* a: which delivery has to be there */
    ACT_RELOAD,     /* a: variant, -1: broken */
    ACT_MOOD,       /* a: integration, b: mood, c: for how many ms */
    ACT_DISK,       /* a: fault, b: for how many ms */
    ACT_CRASH,      /* a: before the disk's a-th change from now, 0: at once; b: power; c: down for so many ms */
    ACT_RESTART,    /* b: ms until it is told once more, 0: never; c */
    ACT_JUMP,       /* a: ms, of the wall clock */
    ACT_KIND_COUNT
};

struct action {
    struct timer due;
    enum action_kind kind;
    int64_t at_ns; /* since the world began */
    int64_t a, b, c;
};

/* Throws it: dice_seed() went before. Returns how many actions there are; in order of time. */
size_t plan_make(void);
/* How long is kept what has ended; 0: for ever. */
int64_t plan_keep_ms(void);
/* Puts all of it into the world but for what `omitted` says of its number. */
void plan_schedule(const uint8_t *omitted);
/* Omits what goes wrong by itself: crashes, the disk's faults, clocks that are set; and floods of many, which take
 * long. */
void plan_omit_faults(uint8_t *omitted);
/* "  0d 03:04:05.678901  i2 is down for 4m" */
void plan_print(size_t number);

#endif
