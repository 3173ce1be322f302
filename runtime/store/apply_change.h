/*
 * apply_change: what people ask of a run, and the scripts that runs start under.
 */
#ifndef ANZOL_STORE_APPLY_CHANGE_H
#define ANZOL_STORE_APPLY_CHANGE_H

#include "store/apply.h"

int apply_change_prepare(struct apply *a, struct err *e);
/* STORE_RUN_CHANGE. rc. */
int apply_change_run(struct apply *a, struct store_run_change *c);
/* STORE_SCRIPT. rc. */
int apply_change_script(struct apply *a, const struct store_script_write *w);

#endif
