/*
 * orders: what is asked of a run by its id, by a person or by another run: to be canceled, resumed, started again.
 */
#ifndef ANZOL_HOST_ORDERS_H
#define ANZOL_HOST_ORDERS_H

#include "host/intake.h"
#include "net/server.h"

/* `id`: of the run; of a restart, of the new one. `failure`: nothing was changed; ERR_INPUT 404 and 409 say why. */
typedef void orders_done(void *ud, const struct uuid *id, enum run_state state, const struct err *failure);

/*
 * Reads the run, then does what is asked. `as`: the id of the run that a restart makes; NULL: a fresh one. 0: `done`
 * will be called once. -1: memory.
 */
int orders_give(struct intake *in, const struct uuid *id, enum api_order order, const struct uuid *as,
                orders_done *done, void *ud, struct err *e);
/* "no run ID", as ERR_INPUT 404; returns -1. */
int orders_no_run(const struct uuid *id, struct err *e);

#endif
