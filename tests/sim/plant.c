#include "plant.h"

#include "core/limiter.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

static const double NOW_AND_THEN = 0.0005;

static const char *const names[] = {
    [PLANT_NONE] = "none",   [PLANT_DROP] = "drop",       [PLANT_DOUBLE] = "double", [PLANT_LEAK] = "leak",
    [PLANT_EARLY] = "early", [PLANT_KEYLESS] = "keyless", [PLANT_SLOW] = "slow"};

enum plant plant_parse(const char *name)
{
    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum plant)i;
    return PLANT_NONE;
}

const char *plant_name(enum plant p)
{
    return names[p];
}

void __real_store_submit(struct store *s, struct store_write *w);
void __wrap_store_submit(struct store *s, struct store_write *w);
int64_t __real_limiter_take(struct limiter *l, int64_t now_ns);
int64_t __wrap_limiter_take(struct limiter *l, int64_t now_ns);

struct lie { /* a write that is said to be committed */
    struct timer due;
    struct store_write *write;
};

static void on_lie(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    struct lie *lie = (struct lie *)t;
    if (!world.dead)
        lie->write->done(lie->write, NULL);
    free(lie);
}

static void lie_about(struct store_write *w)
{
    struct lie *lie = world_alloc(sizeof *lie);
    lie->write = w;
    timer_init(&lie->due, on_lie);
    world_at(&lie->due, clock_now_ns() + NS_PER_MS);
}

static bool is_dropped(const struct store_write *w)
{
    return world.plant == PLANT_DROP && w->kind == STORE_UPDATE && dice_chance(DICE_TURN, NOW_AND_THEN);
}

/* What marks a delivery without a key. */
static bool is_mark(const struct store_write *w)
{
    return w->kind == STORE_UPDATE && ((const struct store_update *)w)->row.state == DELIVERY_SENDING;
}

void __wrap_store_submit(struct store *s, struct store_write *w)
{
    bool early = world.plant == PLANT_EARLY && w->kind == STORE_ACCEPT && dice_chance(DICE_TURN, NOW_AND_THEN);
    if (is_dropped(w) || early || (world.plant == PLANT_KEYLESS && is_mark(w)))
        lie_about(w);
    else
        __real_store_submit(s, w);
}

int64_t __wrap_limiter_take(struct limiter *l, int64_t now_ns)
{
    struct limiter before = *l;
    int64_t wait = __real_limiter_take(l, now_ns);
    if (world.plant == PLANT_LEAK && dice_chance(DICE_TURN, NOW_AND_THEN))
        *l = before;
    if (world.plant == PLANT_SLOW && wait == 0)
        l->tat_ns += l->interval_ns;
    return wait;
}
