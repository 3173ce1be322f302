/*
 * resend: a finished delivery is sent again, by hand: the same bytes under the same id, with a new round of retries.
 */
#ifndef ANZOL_HOST_RESEND_H
#define ANZOL_HOST_RESEND_H

#include "host/dispatch.h"

typedef void resend_done(void *ud, const struct err *failure);

/*
 * `row` is the delivery as the store has it, with its request; it is copied. 0: `done` is called once it is queued
 * again, committed. -1: ERR_INPUT 409 when it is not finished or was never rendered.
 */
int resend(struct dispatch *d, const struct store_delivery *row, resend_done *done, void *ud, struct err *e);

#endif
