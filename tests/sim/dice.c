#include "dice.h"

#include "splitmix.h"

#include <math.h>
#include <string.h>

static uint64_t states[DICE_COUNT];

void dice_seed(uint64_t seed)
{
    uint64_t s = seed;
    for (int i = 0; i < DICE_COUNT; i++)
        states[i] = splitmix_next(&s);
}

uint64_t dice(enum dice d)
{
    return splitmix_next(&states[d]);
}

uint64_t dice_below(enum dice d, uint64_t n)
{
    return dice(d) % n;
}

int64_t dice_between(enum dice d, int64_t low, int64_t high)
{
    return low + (int64_t)dice_below(d, (uint64_t)(high - low) + 1);
}

static double fraction(enum dice d)
{
    return (double)(dice(d) >> 11) / (double)(1ULL << 53);
}

int64_t dice_spread(enum dice d, int64_t low, int64_t high)
{
    return (int64_t)((double)low * pow((double)high / (double)low, fraction(d)));
}

bool dice_chance(enum dice d, double p)
{
    return fraction(d) < p;
}

void dice_fill(enum dice d, void *out, size_t len)
{
    unsigned char *p = out;
    while (len > 0) {
        uint64_t bits = dice(d);
        size_t n = len < sizeof bits ? len : sizeof bits;
        memcpy(p, &bits, n);
        p += n;
        len -= n;
    }
}
