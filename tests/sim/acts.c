#include "acts.h"

#include "batches.h"
#include "callers.h"
#include "calls.h"
#include "clients.h"
#include "disk.h"
#include "faults.h"
#include "looks.h"
#include "moments.h"
#include "receivers.h"
#include "reloads.h"
#include "resends.h"
#include "retention.h"
#include "turns.h"
#include "world.h"

#include <inttypes.h>
#include <stdio.h>

/* --- doing them -------------------------------------------------------------------------------------------------- */

static const char *const event_names[] = {"order", "ping"};

static void crash(const struct action *x)
{
    if (x->a == 0)
        world_crash(x->b, x->c * NS_PER_MS);
    else
        faults_crash_at(disk_changes(world.disk) + (uint64_t)x->a, x->b, x->c * NS_PER_MS);
}

void acts_do(const struct action *x, int number)
{
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
    case ACT_MEET:
        moments_approve(number, (int)x->a, (enum moment)x->b, x->c);
        break;
    case ACT_MEET_CRASH:
        moments_crash((int)x->a, x->c, x->b, NS_PER_S);
        break;
    case ACT_MEET_READ:
        moments_event(number, event_names[x->a], (size_t)x->c);
        break;
    case ACT_KEPT:
        turns_check();
        retention_look((uint64_t)x->a);
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

/* --- showing them ------------------------------------------------------------------------------------------------ */

void acts_print(const struct action *x, size_t number)
{
    static const char *const simple[ACT_KIND_COUNT] = {[ACT_AGAIN] = "an event comes once more",
                                                       [ACT_RESEND] = "a delivery is sent again by hand",
                                                       [ACT_LOOK] = "somebody looks",
                                                       [ACT_KEPT] = "somebody looks for a delivery",
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
    case ACT_MEET_READ:
        printf("e%zu: event %s when a read takes long", number, event_names[x->a]);
        break;
    case ACT_MEET:
        printf("e%zu: e%" PRId64 " is approved %" PRId64 " us after its last step before was %s", number, x->a,
               x->c / 1000, x->b == MOMENT_ASKED ? "asked" : "answered");
        break;
    case ACT_MEET_CRASH:
        printf("%s before the disk's change %" PRId64 " from when e%" PRId64 " comes to wait",
               x->b ? "the power is cut" : "killed", x->c, x->a);
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
