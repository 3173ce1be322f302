/*
 * clock: the time of the simulated world. It stands still while anything is computed and moves when everybody waits.
 *
 * clock_gettime(), time() and getrandom() of this program are the world's, for the C library's callers too, so no code
 * of the runtime needs to know. Processor time does not pass at all.
 */
#ifndef ANZOL_SIM_CLOCK_H
#define ANZOL_SIM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The later of two times. */
static inline int64_t clock_later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* From here on the world's time. */
void clock_begin(void);
int64_t clock_now_ns(void);
int64_t clock_wall_ms(void);
/* Monotonic: `to_ns` is not before now. */
void clock_move(int64_t to_ns);
/* Somebody sets the clock on the wall. */
void clock_jump(int64_t ms);
/* All that it was set by, forth and back. */
int64_t clock_jumps_ms(void);
/* Nobody has set it since (monotonic), nor so shortly before that the times in new ids were ahead of it then. */
bool clock_steady_since(int64_t ns);
/* Nanoseconds since the world began. */
int64_t clock_age_ns(void);
/* "1d 03:04:05.678901", since the world began. */
const char *clock_text(char out[32]);

#endif
