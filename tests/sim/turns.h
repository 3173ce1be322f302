/*
 * turns: the oracle of order: a lane sends what is fresh as it was accepted, so what has not left once is not older
 * than what has. That tells at once of a delivery that the host has lost sight of, which a restart would find again.
 */
#ifndef ANZOL_SIM_TURNS_H
#define ANZOL_SIM_TURNS_H

#include "oracle.h"

/* The first request of a delivery leaves. */
void turns_sent(const struct delivery *d);
/* Nobody was passed over until now. */
void turns_check(void);
/* A life of the host ends, and all have had their turn until now. */
void turns_life_ends(void);

#endif
