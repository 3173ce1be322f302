/*
 * dice: all chance in the simulated world, out of one seed.
 *
 * Each part of the world throws dice of its own, so that one which throws once more does not change what all the others
 * get: without that, a trace could not be shrunk.
 */
#ifndef ANZOL_SIM_DICE_H
#define ANZOL_SIM_DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dice {
    DICE_PLAN,    /* what happens, and when */
    DICE_NET,     /* what receivers do */
    DICE_DISK,    /* how long the disk takes, when it fails, what a power cut leaves */
    DICE_TURN,    /* which thread goes first, how busy the loop is */
    DICE_CLIENTS, /* how patient clients are */
    DICE_HOST,    /* what the host gets from getrandom() */
    DICE_COUNT
};

void dice_seed(uint64_t seed);
uint64_t dice(enum dice d);
/* Uniform, below `n` (> 0). */
uint64_t dice_below(enum dice d, uint64_t n);
/* Uniform, from `low` to `high`, both included. */
int64_t dice_between(enum dice d, int64_t low, int64_t high);
/* From `low` (> 0) to `high`, every order of magnitude alike: mostly short, sometimes very long. */
int64_t dice_spread(enum dice d, int64_t low, int64_t high);
bool dice_chance(enum dice d, double p);
void dice_fill(enum dice d, void *out, size_t len);

#endif
