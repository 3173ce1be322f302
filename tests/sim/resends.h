/*
 * resends: deliveries that are sent again by hand, in any state; only one that has ended may be.
 */
#ifndef ANZOL_SIM_RESENDS_H
#define ANZOL_SIM_RESENDS_H

#include <stdint.h>

/* `pick` chooses which: half of the time one that has not ended, where there is one. */
void resends_ask(uint64_t pick);

#endif
