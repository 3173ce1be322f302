#include "plan.h"

#include "batches.h"
#include "callers.h"
#include "calls.h"
#include "clients.h"
#include "disk.h"
#include "faults.h"
#include "looks.h"
#include "receivers.h"
#include "reloads.h"
#include "resends.h"
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const int64_t DAY_NS = 24 * 3600 * NS_PER_S;
static const int64_t MINUTE_NS = 60 * NS_PER_S;
enum { EPISODES_MAX = 24 };

static struct action actions[PLAN_MAX];
static size_t count;
static int64_t episodes[EPISODES_MAX]; /* when much happens at once */
static int episode_count;

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
}

static void add_people(void)
{
    for (uint64_t n = below(20); n > 0; n--)
        add(ACT_AGAIN)->a = (int64_t)dice(DICE_PLAN);
    for (uint64_t n = below(12); n > 0; n--)
        add(ACT_RESEND)->a = (int64_t)dice(DICE_PLAN);
    for (uint64_t n = chance(0.3) ? below(4) : 0; n > 0; n--)
        add(ACT_CANCEL)->a = (int64_t)dice(DICE_PLAN);
    for (uint64_t n = below(20); n > 0; n--)
        add(ACT_LOOK)->a = (int64_t)(dice(DICE_PLAN) >> 1);
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

/* An approval is for a flow before it, or after: then it comes too early, and nobody waits for it. */
static void give_numbers(void)
{
    size_t flows[PLAN_MAX], n = 0;
    for (size_t i = 0; i < count; i++)
        if (actions[i].kind == ACT_FLOW)
            flows[n++] = i;
    for (size_t i = 0; i < count; i++)
        if (actions[i].kind == ACT_APPROVE)
            actions[i].a = n > 0 ? (int64_t)flows[below(n)] : -1;
}

size_t plan_make(void)
{
    count = 0;
    episode_count = 1 + (int)below(EPISODES_MAX);
    for (int i = 0; i < episode_count; i++)
        episodes[i] = (int64_t)below((uint64_t)DAY_NS);
    add_events();
    add_flows();
    add_people();
    add_moods();
    add_faults();
    qsort(actions, count, sizeof *actions, by_time);
    give_numbers();
    return count;
}

/* --- doing it ----------------------------------------------------------------------------------------------------- */

static const char *const event_names[] = {"order", "ping"};

static void crash(const struct action *x)
{
    if (x->a == 0)
        world_crash(x->b, x->c * NS_PER_MS);
    else
        faults_crash_at(disk_changes(world.disk) + (uint64_t)x->a, x->b, x->c * NS_PER_MS);
}

static void on_due(struct timer *due, int64_t now_ns)
{
    (void)now_ns;
    const struct action *x = (const struct action *)due;
    int number = (int)(x - actions);
    switch (x->kind) {
    case ACT_EVENT:
        clients_event(number, event_names[x->a], !x->b, (size_t)x->c, 0);
        break;
    case ACT_BATCH:
        batches_send(number, event_names[x->a], (size_t)x->b, (size_t)x->c);
        break;
    case ACT_CALL:
        calls_make(number, &sim_webhooks[x->a], x->b);
        break;
    case ACT_FLOW:
        clients_event(number, "go", true, 0, x->a);
        break;
    case ACT_APPROVE:
        callers_approve(number, (int)x->a);
        break;
    case ACT_AGAIN:
        clients_again((uint64_t)x->a);
        break;
    case ACT_RESEND:
        resends_ask((uint64_t)x->a);
        break;
    case ACT_CANCEL:
        callers_cancel((uint64_t)x->a);
        break;
    case ACT_LOOK:
        looks_take((uint64_t)x->a);
        break;
    case ACT_RELOAD:
        reloads_load((int)x->a);
        break;
    case ACT_MOOD:
        note("i%d %s", (int)x->a, receivers_mood_name((enum mood)x->b));
        receivers_set((int)x->a, (enum mood)x->b, x->c * NS_PER_MS);
        break;
    case ACT_DISK:
        note("the disk %s", faults_name((enum fault)x->a));
        faults_set((enum fault)x->a, x->b * NS_PER_MS);
        break;
    case ACT_CRASH:
        crash(x);
        break;
    case ACT_RESTART:
        world_restart(x->c * NS_PER_MS, x->b * NS_PER_MS);
        break;
    case ACT_JUMP:
        note("the clock is set by %" PRId64 " ms", x->a);
        clock_jump(x->a);
        break;
    case ACT_KIND_COUNT:
        break;
    }
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
        omitted[i] = k == ACT_CRASH || k == ACT_DISK || k == ACT_JUMP || (k == ACT_BATCH && actions[i].b == 64);
    }
}

/* --- showing it --------------------------------------------------------------------------------------------------- */

static void print_what(const struct action *x, size_t number)
{
    static const char *const simple[ACT_KIND_COUNT] = {[ACT_AGAIN] = "an event comes once more",
                                                       [ACT_RESEND] = "a delivery is sent again by hand",
                                                       [ACT_LOOK] = "somebody looks",
                                                       [ACT_CANCEL] = "a run is canceled"};
    switch (x->kind) {
    case ACT_EVENT:
        printf("e%zu: event %s%s", number, event_names[x->a], x->b ? " without an id" : "");
        break;
    case ACT_BATCH:
        printf("e%zu: %" PRId64 " events %s in a batch", number, x->b, event_names[x->a]);
        break;
    case ACT_CALL:
        printf("e%zu: webhook %s is called%s", number, sim_webhooks[x->a].name, x->b ? " and waited for" : "");
        break;
    case ACT_FLOW:
        printf("e%zu: a flow that sleeps %" PRId64 " s", number, x->a);
        break;
    case ACT_APPROVE:
        printf("e%zu: e%" PRId64 " is approved", number, x->a);
        break;
    case ACT_RELOAD:
        printf(x->a < 0 ? "broken scripts are loaded" : "scripts %" PRId64 " are loaded", x->a);
        break;
    case ACT_MOOD:
        printf("i%" PRId64 " %s for %" PRId64 " ms", x->a, receivers_mood_name((enum mood)x->b), x->c);
        break;
    case ACT_DISK:
        printf("the disk %s for %" PRId64 " ms", faults_name((enum fault)x->a), x->b);
        break;
    case ACT_CRASH:
        printf("%s before the disk's change %" PRId64 " from now, back after %" PRId64 " ms",
               x->b ? "the power is cut" : "killed", x->a, x->c);
        break;
    case ACT_RESTART:
        printf("stopped in order%s, back after %" PRId64 " ms", x->b > 0 ? ", and told once more" : "", x->c);
        break;
    case ACT_JUMP:
        printf("the clock is set by %" PRId64 " ms", x->a);
        break;
    default:
        printf("%s", simple[x->kind]);
    }
}

void plan_print(size_t number)
{
    const struct action *x = &actions[number];
    int64_t us = x->at_ns / 1000, s = us / 1000000;
    printf("  %02d:%02d:%02d.%06d  ", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60), (int)(us % 1000000));
    print_what(x, number);
    putchar('\n');
}
