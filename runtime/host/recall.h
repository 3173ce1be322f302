/*
 * recall: what the store still knows of the last time, read when the host starts, before anything new is accepted.
 */
#ifndef ANZOL_HOST_RECALL_H
#define ANZOL_HOST_RECALL_H

#include "host/runs.h"

struct ev_loop;
struct scripts;

struct recall {
    struct ev_loop *loop; /* turns for these answers alone */
    struct env *env;
    struct dispatch *dispatch;
    struct scripts *scripts;
    struct runs *runs;
};

/* Tells the lanes what is pending, the scripts what text is kept, and the runs for what events are waited. */
int recall(const struct recall *r, struct err *e);

#endif
