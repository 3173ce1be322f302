/*
 * pace: the oracle of what comes too late, and of pauses: while a receiver has asked for time nothing of its
 * integration leaves; and while nothing holds it up, what is due leaves, at nearly the rate.
 *
 * What holds it up: its rate, its cap, a pause that was asked for; a bad disk, a start or a stop of the host, a loop
 * that was busy for long. What is idle beyond that adds up and is forgiven as time passes, so late threads do no harm,
 * but neither half of the rate nor a delivery that is forgotten is let through. Only what is surely due counts:
 * acknowledged and never sent, or to be tried again by the rule, within the window. What a flow sends counts from its
 * first attempt on.
 */
#ifndef ANZOL_SIM_PACE_H
#define ANZOL_SIM_PACE_H

#include "oracle.h"

/* A delivery of that integration is acknowledged, and was not sent yet; or (false) is no longer surely due. */
void pace_fresh(int integration, bool more);
/* A request leaves; `d` is as it was before. */
void pace_sent(const struct delivery *d, int in_flight);
/* The host was told how the last attempt of `d` ended; `in_flight` of its integration are left. */
void pace_told(const struct delivery *d, int in_flight);
/* Time has passed. */
void pace_look(void);
/* The host's life is over: what was at risk or has no key is no longer surely due. */
void pace_life_ends(void);
/* It waits for its next attempt, for sure. */
bool pace_waits(const struct delivery *d);

#endif
