#include "core/delivery.h"

static const char *const names[DELIVERY_STATE_COUNT] = {
    [DELIVERY_QUEUED] = "queued",       [DELIVERY_SENDING] = "sending", [DELIVERY_WAITING] = "waiting",
    [DELIVERY_SUCCEEDED] = "succeeded", [DELIVERY_FAILED] = "failed",   [DELIVERY_UNKNOWN] = "unknown",
    [DELIVERY_CANCELED] = "canceled",
};

const char *delivery_state_name(enum delivery_state s)
{
    /* "unknown" is a state; a number that is none must not look like it. */
    return (unsigned)s < DELIVERY_STATE_COUNT ? names[s] : "invalid";
}

int delivery_state_parse(struct bytes name, enum delivery_state *out)
{
    for (int i = 0; i < DELIVERY_STATE_COUNT; i++) {
        if (bytes_equal(name, bytes_of(names[i]))) {
            *out = (enum delivery_state)i;
            return 0;
        }
    }
    return -1;
}

bool delivery_state_final(enum delivery_state s)
{
    return s == DELIVERY_SUCCEEDED || s == DELIVERY_FAILED || s == DELIVERY_UNKNOWN || s == DELIVERY_CANCELED;
}
