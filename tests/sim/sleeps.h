/*
 * sleeps: the oracle of how long flows wait: not shorter than they should, and hardly longer.
 *
 * When a step has begun is told by the id of its delivery, a UUID of version 7: its request may leave later, behind
 * others. What the host may be late by, in a world without troubles, is what a turn of the loop, a read and a commit
 * take; it is given a minute from when it was last in trouble.
 */
#ifndef ANZOL_SIM_SLEEPS_H
#define ANZOL_SIM_SLEEPS_H

#include "oracle.h"

/* A step's first request leaves, with what the run knows. */
void sleeps_sent(const struct delivery *d, const char *trace);

#endif
