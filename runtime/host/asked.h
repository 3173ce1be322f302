/*
 * asked: a call of the API that waits for a read of the store.
 */
#ifndef ANZOL_HOST_ASKED_H
#define ANZOL_HOST_ASKED_H

#include "host/api.h"
#include "store/runs.h"

struct asked {
    struct store_read_runs read; /* first: a read's callback gets it; `read.base` for the reads of deliveries */
    struct api *api;
    struct api_call *call;
    char *name; /* the filter's, copied */
    bool late;  /* of a ?wait= whose time was up */
};

/* The caller fills `read`, then asked_go(). NULL: memory was short, and the call is answered so. */
struct asked *asked_new(struct api *a, struct api_call *c, enum store_read_kind kind,
                        void (*done)(struct store_read *, const struct err *));
/* The same for a list: `name` is f's, as long as the read lasts. */
struct asked *asked_list_new(struct api *a, const struct api_filter *f, struct api_call *c, enum store_read_kind kind,
                             void (*done)(struct store_read *, const struct err *));
void asked_go(struct asked *q);
/* By `done`, which gets the read that the asked begins with. */
void asked_free(struct asked *q);

#endif
