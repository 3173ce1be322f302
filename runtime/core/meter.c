#include "core/meter.h"

#include "core/units.h"

static const int64_t SLOT_NS = NS_PER_S / METER_SLOTS;

void meter_add(struct meter *m, int64_t now_ns)
{
    int64_t slot = now_ns / SLOT_NS;
    int64_t passed = slot - m->slot < METER_SLOTS ? slot - m->slot : METER_SLOTS;
    for (int64_t i = 0; i < passed; i++)
        m->counts[(slot - i) % METER_SLOTS] = 0;
    m->slot = slot > m->slot ? slot : m->slot;
    m->counts[m->slot % METER_SLOTS]++;
}

uint32_t meter_read(const struct meter *m, int64_t now_ns)
{
    int64_t now = now_ns / SLOT_NS;
    uint32_t sum = 0;
    for (int64_t slot = m->slot; slot > m->slot - METER_SLOTS && slot >= 0; slot--)
        if (slot > now - METER_SLOTS)
            sum += m->counts[slot % METER_SLOTS];
    return sum;
}
