/*
 * traces: the oracle of flows. Each request of a run carries all that the run has come to know so far, random numbers
 * and answers included: what a replay may not change. So of two traces of one run one begins with the other.
 */
#ifndef ANZOL_SIM_TRACES_H
#define ANZOL_SIM_TRACES_H

/* A request of the run of that tag leaves. `trace` NULL: it is missing. */
void traces_sent(const char *tag, const char *step, const char *trace);
/* The run has ended with that trace: it is the longest, and what it says of answers is what receivers have said. */
void traces_ended(const char *tag, const char *trace);

#endif
