/*
 * apply_delivery: the rows of deliveries, their requests and their attempts, as writes leave them.
 */
#ifndef ANZOL_STORE_APPLY_DELIVERY_H
#define ANZOL_STORE_APPLY_DELIVERY_H

#include "store/apply.h"

int apply_delivery_prepare(struct apply *a, struct err *e);
/* A new row with its request. `again`: it may be there from an earlier try, and then stays. rc. */
int apply_delivery_add(struct apply *a, const struct store_delivery *d, bool again);
/* STORE_UPDATE. rc. */
int apply_delivery_update(struct apply *a, struct store_update *u);
/* Writes what these have gathered, see apply_flush(). rc. */
int apply_delivery_flush(struct apply *a, bool again);

#endif
