/*
 * delivery: the states of a delivery. Stored by number: append only.
 */
#ifndef ANZOL_CORE_DELIVERY_H
#define ANZOL_CORE_DELIVERY_H

#include "core/buf.h"

enum delivery_state {
    DELIVERY_QUEUED = 0,  /* accepted, not yet sent */
    DELIVERY_SENDING = 1, /* an attempt is in flight (written down only for deliveries without the key) */
    DELIVERY_WAITING = 2, /* for its next attempt */
    DELIVERY_SUCCEEDED = 3,
    DELIVERY_FAILED = 4,
    DELIVERY_UNKNOWN = 5, /* it may have been processed, and must not be sent again */
    DELIVERY_CANCELED = 6,
    DELIVERY_STATE_COUNT
};

const char *delivery_state_name(enum delivery_state s);
/* 0, or -1: no such state. */
int delivery_state_parse(struct bytes name, enum delivery_state *out);
bool delivery_state_final(enum delivery_state s);

#endif
