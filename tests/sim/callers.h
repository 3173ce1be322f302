/*
 * callers: those who act on the runs of flows: who approves what they wait for, and who cancels them.
 */
#ifndef ANZOL_SIM_CALLERS_H
#define ANZOL_SIM_CALLERS_H

#include <stdint.h>

/* Approves what the flow of that event waits for; `number` makes the tag. */
void callers_approve(int number, int flow_number);
/* The run of a flow is canceled; `pick` chooses which. */
void callers_cancel(uint64_t pick);

#endif
