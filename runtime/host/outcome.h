/*
 * outcome: what becomes of a delivery when an attempt has ended: the retry rule decides, the store records, the log
 * tells; and once that is committed the delivery leaves memory.
 */
#ifndef ANZOL_HOST_OUTCOME_H
#define ANZOL_HOST_OUTCOME_H

#include "host/dispatch.h"

/* The `done` of a flight's exchange. */
void outcome_of_exchange(struct exchange *x);
/* The retry window passed before the next attempt could be made: failed, without sending. The delivery has a flight. */
void outcome_give_up(struct lane *lane, struct live *l);
/* The flight's update as a row of that state, and its way into the store; it is freed when committed. */
void outcome_fill(struct flight *f, enum delivery_state state);
void outcome_record(struct flight *f);
/* One that holds nothing yet, used again where there is one. NULL: memory. */
struct flight *flight_take(struct dispatch *d);
/* … which is where it goes, with what memory it has for a small answer. */
void flight_free(struct flight *f);
void flight_drop_spare(struct dispatch *d);

#endif
