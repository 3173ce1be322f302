#include "plan.h"

#include "acts.h"
#include "faults.h"
#include "moments.h"
#include "receivers.h"
#include "scripts.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

static const int64_t DAY_NS = 24 * 3600 * NS_PER_S;
static const int64_t MINUTE_NS = 60 * NS_PER_S;
enum { EPISODES_MAX = 24, HOUR_MINUTES = 60 };

static struct action actions[PLAN_MAX];
static size_t count;
static int64_t episodes[EPISODES_MAX]; /* when much happens at once */
static int episode_count;
static int keep_minutes;

/* --- throwing it -------------------------------------------------------------------------------------------------- */

static uint64_t below(uint64_t n)
{
    return dice_below(DICE_PLAN, n);
}

static int64_t spread(int64_t low, int64_t high)
{
    return dice_spread(DICE_PLAN, low, high);
}

static bool chance(double p)
{
    return dice_chance(DICE_PLAN, p);
}

static int64_t some_time(void)
{
    if (chance(0.2))
        return (int64_t)below((uint64_t)DAY_NS);
    int64_t at = episodes[below((uint64_t)episode_count)] + spread(NS_PER_MS, 20 * MINUTE_NS) - NS_PER_MS;
    return at < DAY_NS ? at : DAY_NS - 1;
}

static struct action *add(enum action_kind kind)
{
    struct action *x = &actions[count < PLAN_MAX - 1 ? count++ : count];
    *x = (struct action){.kind = kind, .at_ns = some_time()};
    return x;
}

/* More than the lanes hold in memory; half of the time a receiver has a bad time meanwhile. */
static void add_flood(void)
{
    int64_t at = some_time(), pad = chance(0.3) ? 3000 : 20;
    if (chance(0.5))
        *add(ACT_MOOD) = (struct action){.kind = ACT_MOOD,
                                         .at_ns = at,
                                         .a = (int64_t)below(3),
                                         .b = (int64_t)below(MOOD_COUNT),
                                         .c = 3 * 60 * MS_PER_S};
    for (uint64_t n = 20 + below(40); n > 0; n--) {
        struct action *x = add(ACT_BATCH);
        x->at_ns = at + (int64_t)below((uint64_t)MINUTE_NS);
        x->a = (int64_t)below(2);
        x->b = 64;
        x->c = pad;
    }
}

/* What a lane that reads from the store may meet meanwhile. */
static void add_upset(int64_t at)
{
    for (uint64_t n = below(3); n > 0; n--) {
        struct action *x = add(chance(0.7) ? ACT_CRASH : ACT_RELOAD);
        bool dies = x->kind == ACT_CRASH;
        x->at_ns = at + spread(NS_PER_S, 10 * MINUTE_NS);
        x->a = dies ? spread(1, 200) : (int64_t)below(SIM_VARIANTS);
        x->b = dies && chance(0.5);
        x->c = dies ? spread(1, 5 * MS_PER_S) : 0;
    }
}

/* More than they hold of bytes, page after page, while others come, reads take long, and the host dies or has other
 * scripts loaded. */
static void add_heavy_flood(void)
{
    int64_t at = some_time(), kind = (int64_t)below(2);
    for (uint64_t n = 12 + below(12); n > 0; n--) {
        struct action *x = add(ACT_BATCH);
        x->at_ns = at + (int64_t)below(3 * NS_PER_S);
        x->a = kind;
        x->b = 2 + (int64_t)below(4);
        x->c = spread(50000, 200000);
    }
    for (uint64_t n = 60 + below(120); n > 0; n--) {
        struct action *x = add(chance(0.5) ? ACT_MEET_READ : ACT_EVENT);
        x->at_ns = at + (x->kind == ACT_EVENT ? spread(NS_PER_S / 10, 10 * MINUTE_NS) : 0);
        x->a = kind;
        x->c = chance(0.3) ? spread(1000, 100000) : 20;
    }
    struct action *late = add(ACT_DISK);
    late->at_ns = at;
    late->a = FAULT_LATE;
    late->b = spread(60 * MS_PER_S, 20 * 60 * MS_PER_S);
    add_upset(at);
}

static void add_events(void)
{
    for (uint64_t n = (uint64_t)spread(50, 500); n > 0; n--) {
        struct action *x = add(ACT_EVENT);
        x->a = (int64_t)below(2);
        x->b = chance(0.15);
        x->c = chance(0.05) ? spread(1, 60000) : (int64_t)below(200);
    }
    for (uint64_t n = below(12); n > 0; n--) {
        struct action *x = add(ACT_BATCH);
        x->a = (int64_t)below(2);
        x->b = spread(1, 64);
        x->c = (int64_t)below(1000);
    }
    if (chance(0.1))
        add_flood();
    if (chance(0.35))
        add_heavy_flood();
    for (uint64_t n = below(30); n > 0; n--) {
        struct action *x = add(ACT_CALL);
        x->a = (int64_t)below(3);
        x->b = chance(0.4);
    }
}

/* Numbers are given once all are in order. */
static void add_flows(void)
{
    for (uint64_t n = below(20); n > 0; n--)
        add(ACT_FLOW)->a = spread(1, 7200);
    for (uint64_t n = below(15); n > 0; n--)
        add(ACT_APPROVE);
    for (uint64_t n = below(25); n > 0; n--) {
        struct action *x = add(ACT_MEET);
        x->b = chance(0.6) ? MOMENT_ANSWERED : MOMENT_ASKED;
        x->c = spread(1000, x->b == MOMENT_ASKED ? NS_PER_S : 20 * NS_PER_MS);
    }
    for (uint64_t n = below(4); n > 0; n--) {
        struct action *x = add(ACT_MEET_CRASH);
        x->b = chance(0.5);
        x->c = spread(1, 20);
    }
}

static void add_people(void)
{
    for (uint64_t n = below(40); n > 0; n--)
        add(ACT_AGAIN)->a = (int64_t)dice(DICE_PLAN);
    for (uint64_t n = below(12); n > 0; n--)
        add(ACT_RESEND)->a = (int64_t)dice(DICE_PLAN);
    for (uint64_t n = chance(0.5) ? below(5) : 0; n > 0; n--)
        add(ACT_CANCEL)->a = (int64_t)dice(DICE_PLAN);
    for (uint64_t n = below(20); n > 0; n--)
        add(ACT_LOOK)->a = (int64_t)(dice(DICE_PLAN) >> 1);
    for (uint64_t n = below(20); n > 0; n--)
        add(ACT_KEPT)->a = (int64_t)dice(DICE_PLAN);
    for (uint64_t n = below(6); n > 0; n--)
        add(ACT_RELOAD)->a = chance(0.15) ? -1 : (int64_t)below(SIM_VARIANTS);
}

static void add_moods(void)
{
    for (uint64_t n = below(16); n > 0; n--) {
        struct action *x = add(ACT_MOOD);
        x->a = (int64_t)below(SIM_INTEGRATIONS);
        x->b = (int64_t)below(MOOD_COUNT);
        x->c = spread(100, 2 * 3600 * MS_PER_S);
    }
}

/* An integration is put off for an hour, a few minutes each time, and what waits behind has to be there as long. */
static void add_delay(void)
{
    struct action *mood = add(ACT_MOOD);
    int64_t at = mood->at_ns;
    mood->a = 1;
    mood->b = MOOD_PUTS_OFF;
    mood->c = 80 * 60 * MS_PER_S;
    for (uint64_t n = 30 + below(30); n > 0; n--) {
        struct action *x = add(ACT_EVENT);
        x->at_ns = at + (int64_t)below((uint64_t)(5 * MINUTE_NS));
        x->a = 0;
    }
    for (uint64_t n = 8; n > 0; n--) {
        struct action *x = add(ACT_KEPT);
        x->at_ns = at + 25 * MINUTE_NS + (int64_t)below((uint64_t)(30 * MINUTE_NS));
        x->a = (int64_t)dice(DICE_PLAN) & ~1;
    }
}

static void add_faults(void)
{
    for (uint64_t n = chance(0.5) ? below(6) : 0; n > 0; n--) {
        struct action *x = add(ACT_DISK);
        x->a = (int64_t)below(FAULT_COUNT);
        x->b = spread(1, 10 * 60 * MS_PER_S);
    }
    for (uint64_t n = below(7); n > 0; n--) {
        struct action *x = add(ACT_CRASH);
        x->a = chance(0.3) ? 0 : spread(1, 200);
        x->b = chance(0.5);
        x->c = spread(1, chance(0.1) ? 3600 * MS_PER_S : 5 * MS_PER_S);
    }
    for (uint64_t n = below(3); n > 0; n--) {
        struct action *x = add(ACT_RESTART);
        x->b = chance(0.3) ? spread(1, 10 * MS_PER_S) : 0;
        x->c = spread(1, 60 * MS_PER_S);
    }
    for (uint64_t n = chance(0.5) ? below(4) : 0; n > 0; n--)
        add(ACT_JUMP)->a = spread(1, 2 * 3600 * MS_PER_S) * (chance(0.5) ? 1 : -1);
}

static int by_time(const void *x, const void *y)
{
    const struct action *a = x, *b = y;
    return (a->at_ns > b->at_ns) - (a->at_ns < b->at_ns);
}

static bool meets(const struct action *x)
{
    return x->kind == ACT_MEET || x->kind == ACT_MEET_CRASH;
}

/* An approval is for a flow before it, or after: then it comes too early, and nobody waits for it. What meets a flow is
 * there as soon as it. */
static void give_numbers(void)
{
    size_t flows[PLAN_MAX], n = 0;
    for (size_t i = 0; i < count; i++)
        if (actions[i].kind == ACT_FLOW)
            flows[n++] = i;
    for (size_t i = 0; i < count; i++)
        if (actions[i].kind == ACT_APPROVE || meets(&actions[i])) {
            actions[i].a = n > 0 ? (int64_t)flows[below(n)] : -1;
            if (n > 0 && meets(&actions[i]))
                actions[i].at_ns = actions[actions[i].a].at_ns;
        }
}

int64_t plan_keep_ms(void)
{
    return keep_minutes * 60 * MS_PER_S;
}

size_t plan_make(void)
{
    static const int minutes[] = {20, 20, 120, 720};
    count = 0;
    episode_count = 1 + (int)below(EPISODES_MAX);
    for (int i = 0; i < episode_count; i++)
        episodes[i] = (int64_t)below((uint64_t)DAY_NS);
    keep_minutes = chance(0.5) ? minutes[below(4)] : 0;
    add_events();
    add_flows();
    add_people();
    add_moods();
    if (keep_minutes > 0 && keep_minutes < HOUR_MINUTES)
        add_delay();
    add_faults();
    qsort(actions, count, sizeof *actions, by_time);
    give_numbers();
    return count;
}

/* --- doing it ----------------------------------------------------------------------------------------------------- */

static void on_due(struct timer *due, int64_t now_ns)
{
    (void)now_ns;
    const struct action *x = (const struct action *)due;
    acts_do(x, (int)(x - actions));
}

void plan_schedule(const uint8_t *omitted)
{
    int64_t begin = clock_now_ns();
    for (size_t i = 0; i < count; i++) {
        timer_init(&actions[i].due, on_due);
        if (!omitted[i])
            world_at(&actions[i].due, begin + actions[i].at_ns);
    }
}

void plan_omit_faults(uint8_t *omitted)
{
    for (size_t i = 0; i < count; i++) {
        enum action_kind k = actions[i].kind;
        omitted[i] = k == ACT_CRASH || k == ACT_MEET_CRASH || k == ACT_DISK || k == ACT_JUMP ||
                     (k == ACT_BATCH && actions[i].b == 64);
    }
}

void plan_print(size_t number)
{
    const struct action *x = &actions[number];
    int64_t us = x->at_ns / 1000, s = us / 1000000;
    printf("  %02d:%02d:%02d.%06d  ", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60), (int)(us % 1000000));
    acts_print(x, number);
    putchar('\n');
}
