/*
 * looks: somebody looks at lists, one delivery, runs, status, metrics; what is shown of deliveries has to be right.
 */
#ifndef ANZOL_SIM_LOOKS_H
#define ANZOL_SIM_LOOKS_H

#include <stdint.h>

/* `pick` chooses at what. */
void looks_take(uint64_t pick);

#endif
