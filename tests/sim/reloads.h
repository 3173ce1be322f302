/*
 * reloads: somebody has other scripts loaded.
 */
#ifndef ANZOL_SIM_RELOADS_H
#define ANZOL_SIM_RELOADS_H

/* Those of that variant (or, -1, broken ones) are put in place and loaded. */
void reloads_load(int variant);

#endif
