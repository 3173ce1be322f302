/*
 * query_run: the reads of runs.h as SQL, but for their list (listing.h).
 *
 * A run and its steps are read in one transaction (the run's statement is open meanwhile): what the row counts is what
 * the steps show.
 */
#ifndef ANZOL_STORE_QUERY_RUN_H
#define ANZOL_STORE_QUERY_RUN_H

#include "store/reader.h"

int query_run_prepare(struct reader *rd, struct err *e);
int query_run_load(struct reader *rd, struct store_read_runs *q);
int query_run_one(struct reader *rd, struct store_read_runs *q);
int query_run_script(struct reader *rd, struct store_read_script *q);
int query_run_forms(struct reader *rd, struct store_read_forms *q);

#endif
