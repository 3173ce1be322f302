#include "host/env.h"

#include "core/units.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

int64_t env_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t env_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}

/* One system call serves a few hundred ids. Loop thread only. */
void env_random(void *out, size_t len)
{
    static unsigned char pool[4096];
    static size_t left;
    unsigned char *p = out;
    while (len > 0) {
        if (left == 0) {
            ssize_t n = getrandom(pool, sizeof pool, 0);
            if (n <= 0)
                continue; /* EINTR: the only way it fails once the kernel has seeded */
            left = (size_t)n;
        }
        size_t take = len < left ? len : left;
        memcpy(p, pool + left - take, take);
        memset(pool + left - take, 0, take);
        left -= take;
        p += take;
        len -= take;
    }
}

struct uuid env_new_id_at(struct env *e, int64_t wall_ms)
{
    uint8_t random[10];
    e->random(random, sizeof random);
    return uuid_next(&e->ids, wall_ms, random);
}

struct uuid env_new_id(struct env *e)
{
    return env_new_id_at(e, e->wall_ms());
}

int64_t env_new_seq(struct env *e)
{
    return ++e->last_seq;
}

double env_fraction(struct env *e)
{
    uint64_t bits;
    e->random(&bits, sizeof bits);
    return (double)(bits >> 11) / (double)(1ULL << 53);
}
