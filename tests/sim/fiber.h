/*
 * fiber: the threads of the runtime, one at a time and in an order that the seed decides.
 *
 * It stands in the place of store/thread.c: a thread is a stack of its own that runs until it waits (thread_wait()) or
 * the disk makes it wait (fiber_sleep()), and then another one goes on. So the unchanged store and builder run without
 * any chance that a replay would not repeat.
 */
#ifndef ANZOL_SIM_FIBER_H
#define ANZOL_SIM_FIBER_H

#include <stdint.h>

/* When the next one can go on; INT64_MAX: all of them wait. */
int64_t fiber_next_ns(void);
/* Lets that one run until it waits. */
void fiber_run(void);
/* Inside a fiber: waits for so long. Elsewhere: the time passes, and nothing happens meanwhile. */
void fiber_sleep(int64_t ns);

#endif
