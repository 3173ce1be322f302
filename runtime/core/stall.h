/*
 * stall: how long a thread has stood still by its own doing, from looks at it now and then.
 *
 * Time on the clock alone would accuse the wrong one. Three things are left out: waiting for a CPU that others have
 * (then the thread can run, and what counts is the CPU time it got); a process that was stopped, or a machine that
 * slept (then the one who looks was away too: a look counts for no more than twice the time between two); and the time
 * before a turn began.
 */
#ifndef ANZOL_CORE_STALL_H
#define ANZOL_CORE_STALL_H

#include <stdbool.h>
#include <stdint.h>

struct stall {
    int64_t period_ns; /* between two looks */
    uint64_t turn;     /* the one seen last */
    int64_t seen_ns;   /* how long it stood still */
    int64_t now_ns, cpu_ns;
};

struct stall_look {
    uint64_t turn;   /* what the thread is at */
    int64_t woke_ns; /* since when; the clock is the same as that of `now_ns` */
    int64_t now_ns;
    int64_t cpu_ns; /* the thread's CPU clock */
    bool blocked;   /* it sleeps in a system call */
};

void stall_init(struct stall *s, int64_t period_ns);
/* Returns for how long that turn has stood still, in ns. */
int64_t stall_look(struct stall *s, const struct stall_look *l);

#endif
