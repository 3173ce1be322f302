/*
 * meter: how often something happened in the last second, in tenths. Pure: `now_ns` is any monotonic clock.
 */
#ifndef ANZOL_CORE_METER_H
#define ANZOL_CORE_METER_H

#include <stdint.h>

enum { METER_SLOTS = 10 };

struct meter {
    int64_t slot; /* the newest, counted since the clock's zero */
    uint32_t counts[METER_SLOTS];
};

void meter_add(struct meter *m, int64_t now_ns);
uint32_t meter_read(const struct meter *m, int64_t now_ns);

#endif
