#include "host/rates.h"

int rates_prepare(struct dispatch *d, const struct generation *g, struct err *e)
{
    for (size_t i = 0; i < generation_integration_count(g); i++)
        if (dispatch_lane(d, generation_integration(g, i).name) == NULL)
            return err_memory(e);
    return 0;
}

void rates_set(struct dispatch *d, const struct generation *g, bool earlier)
{
    for (struct lane *lane = d->lanes; !earlier && lane != NULL; lane = lane->next)
        lane->removed = true;
    for (size_t i = 0; i < generation_integration_count(g); i++) {
        struct integration_info info = generation_integration(g, i);
        struct lane *lane = dispatch_lane(d, info.name);
        if (lane != NULL && !earlier)
            lane->removed = false;
        if (lane != NULL && !(earlier && lane->per_ms != 0))
            lane_set_rate(lane, info.rate, info.per_ms, info.concurrency);
    }
}
