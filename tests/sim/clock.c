#include "clock.h"

#include "core/units.h"
#include "dice.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const int64_t BEGIN_NS = 1000 * NS_PER_S;
static const int64_t BEGIN_WALL_MS = 1767225600000; /* 2026-01-01 */

static bool begun;
static int64_t now_ns, wall_offset_ms;
static int64_t jumped_ns, back_ns, jumps_ms, back_ms;

void clock_begin(void)
{
    begun = true;
    now_ns = BEGIN_NS;
    wall_offset_ms = BEGIN_WALL_MS - BEGIN_NS / NS_PER_MS;
}

int64_t clock_now_ns(void)
{
    return now_ns;
}

int64_t clock_wall_ms(void)
{
    return now_ns / NS_PER_MS + wall_offset_ms;
}

int64_t clock_age_ns(void)
{
    return now_ns - BEGIN_NS;
}

void clock_move(int64_t to_ns)
{
    if (to_ns > now_ns)
        now_ns = to_ns;
}

void clock_jump(int64_t ms)
{
    wall_offset_ms += ms;
    jumped_ns = now_ns;
    jumps_ms += ms < 0 ? -ms : ms;
    if (ms < 0) {
        back_ns = now_ns;
        back_ms -= ms;
    }
}

int64_t clock_jumps_ms(void)
{
    return jumps_ms;
}

bool clock_steady_since(int64_t ns)
{
    return jumped_ns < ns && ns - back_ns >= back_ms * NS_PER_MS;
}

const char *clock_text(char out[32])
{
    int64_t us = clock_age_ns() / 1000, s = us / 1000000;
    snprintf(out, 32, "%" PRId64 "d %02d:%02d:%02d.%06d", s / 86400, (int)(s / 3600 % 24), (int)(s / 60 % 60),
             (int)(s % 60), (int)(us % 1000000));
    return out;
}

/* --- in the place of the C library's ------------------------------------------------------------------------------ */

int clock_gettime(clockid_t which, struct timespec *t)
{
    if (!begun)
        return (int)syscall(SYS_clock_gettime, which, t);
    int64_t wall_ns = wall_offset_ms * NS_PER_MS + now_ns;
    bool cpu = which == CLOCK_PROCESS_CPUTIME_ID || which == CLOCK_THREAD_CPUTIME_ID;
    bool wall = which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE;
    int64_t ns = cpu ? 0 : wall ? wall_ns : now_ns;
    *t = (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out != NULL)
        *out = t.tv_sec;
    return t.tv_sec;
}

ssize_t getrandom(void *out, size_t len, unsigned flags)
{
    if (!begun)
        return syscall(SYS_getrandom, out, len, flags);
    dice_fill(DICE_HOST, out, len);
    return (ssize_t)len;
}
