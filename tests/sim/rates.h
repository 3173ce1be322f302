/*
 * rates: the oracle of rates: in any second at most so many requests of an integration leave.
 *
 * While scripts are loaded either rate may be in force, and a window may reach across a change: what counts is the most
 * that any rate of the window allows.
 */
#ifndef ANZOL_SIM_RATES_H
#define ANZOL_SIM_RATES_H

/* Scripts of that variant may be in force from now on. */
void rates_may_be(int variant);
/* None but these are. */
void rates_are(int variant);
/* A request of that integration leaves. */
void rates_sent(int integration);

#endif
