/*
 * rates: the oracles of rates and of caps: in any second at most so many requests of an integration leave, and at most
 * so many are in flight at once.
 *
 * While scripts are loaded either rate may be in force, and a window may reach across a change: what counts is the most
 * that any rate of the window allows.
 */
#ifndef ANZOL_SIM_RATES_H
#define ANZOL_SIM_RATES_H

#include <stdint.h>

/* Scripts of that variant may be in force from now on. */
void rates_may_be(int variant);
/* None but these are. */
void rates_are(int variant);
/* A request of that integration leaves; `in_flight` of them are under way, with it. */
void rates_sent(int integration, int in_flight);

/* --- for the oracle of what comes too late */
/* The lowest rate that may have been in force since then; 0: there was no limit. */
int rates_lowest(int integration, int64_t since_ns);
/* The lowest cap that may have been in force since then. */
int rates_lowest_cap(int integration, int64_t since_ns);

#endif
