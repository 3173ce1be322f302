/*
 * watchdog: notices that the event loop does not come back, and names what it is at.
 *
 * The loop tells its pulse (core/pulse.h) when a turn begins and ends, and its phases. A thread looks at it every 25 ms
 * while the loop works, and sleeps with it: the loop wakes it with the first turn after a pause, so an idle process has
 * no wake-ups for it. A turn that stands still for 100 ms is a stall: that is what others may have to wait, the pace of
 * an integration of ten requests a second, and less than half of what a script may take at a time; a healthy turn takes
 * a few. core/stall.h says what counts: not the wait for a CPU that others have, so a busy machine does not make one,
 * nor that the process was stopped. At 100 ms the phase is noted and a script is asked for its line.
 *
 * When the turn ends, the loop itself logs one line, `loop.stalled`: for how long, the phase, the script's line, the
 * webhook; and it counts for the metrics. A turn that takes a second is told of while it lasts, as `loop.stalling`, by
 * the thread, for that may be the last that is heard of the process; not when what it is at is the log itself. That
 * line is not masked: it holds paths and names of definitions alone.
 *
 * Turn and phase are read one after the other: a stall that ends between the two, within microseconds, is not told of.
 *
 * The thread of watchdog_start() is the one that is watched, and the one that may call the rest.
 */
#ifndef ANZOL_HOST_WATCHDOG_H
#define ANZOL_HOST_WATCHDOG_H

#include "core/err.h"
#include "core/pulse.h"
#include "core/stall.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

struct log;

struct watchdog {
    struct pulse pulse;
    struct log *log;
    uint64_t stalls[PHASE_COUNT]; /* so far */
    int64_t stalled_ns;           /* in all */

    pthread_t thread;
    bool started;
    clockid_t cpu;           /* of the loop's thread */
    int stat_fd;             /* what the system says of that thread; -1: nothing */
    atomic_bool idle;        /* the thread sleeps until it is woken */
    _Atomic uint64_t caught; /* the last turn that was found to stand still */
    pthread_mutex_t mutex;   /* of all below */
    pthread_cond_t cond;
    bool ending;
    struct stall stall;
    bool blocked; /* at the last look */
    bool told;    /* `loop.stalling`, of the turn that is caught */
    enum phase phase;
};

void watchdog_init(struct watchdog *w, struct log *log);
int watchdog_start(struct watchdog *w, struct err *e);
/* Not started is fine. */
void watchdog_stop(struct watchdog *w);
/* Of one that is not started, nothing happens. */
void watchdog_turn_begins(struct watchdog *w, int64_t now_ns);
/* May log, and writes what it has logged. */
void watchdog_turn_ends(struct watchdog *w);

#endif
