/*
 * traces: the oracle of flows. Each request of a run carries all that the run has come to know so far, random numbers
 * and answers included: what a replay may not change. So of two traces of one run one begins with the other.
 */
#ifndef ANZOL_SIM_TRACES_H
#define ANZOL_SIM_TRACES_H

#include "oracle.h"

/* The first request of a run's step leaves. `trace` NULL: it is missing. */
void traces_sent(const struct delivery *d, const char *trace);
/* The host is about to hear that it has succeeded. */
void traces_answered(const struct delivery *d);
/* "…;told=ID": what send() has returned. False: it says none. */
bool traces_told(const char *trace, struct uuid *id);
/* The run has ended with that trace: it is the longest, and what it says of answers is what receivers have said. */
void traces_ended(const char *tag, const char *trace);

#endif
