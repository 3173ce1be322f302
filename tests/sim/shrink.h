/*
 * shrink: a day that failed is told, and made smaller: as much as can be is left out of its plan while it fails alike.
 */
#ifndef ANZOL_SIM_SHRINK_H
#define ANZOL_SIM_SHRINK_H

#include "day.h"

/* On stdout; `smaller`: with what is left of its plan, in `d` too. */
void shrink_report(struct day *d, const struct outcome *o, bool smaller);

#endif
