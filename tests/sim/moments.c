#include "moments.h"

#include "callers.h"
#include "clients.h"
#include "disk.h"
#include "faults.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

/* Each answer of the store takes many reads. */
static const int64_t READS_APART_NS = 300 * NS_PER_MS;

struct plot { /* what will happen then */
    struct timer due;
    struct plot *next;
    char tag[SIM_TAG];
    enum moment moment;
    bool begun;
    int number, flow_number; /* number -1: a crash */
    const char *event;
    size_t pad;
    int64_t after_ns;
    int64_t changes;
    bool power;
    int64_t down_ns;
};

static struct plot *plots;

static void on_due(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    const struct plot *p = (const struct plot *)t;
    if (p->event != NULL)
        clients_event(p->number, p->event, true, p->pad, 0);
    else
        callers_approve(p->number, p->flow_number);
}

static struct plot *add(int flow_number)
{
    struct plot *p = world_alloc(sizeof *p);
    snprintf(p->tag, sizeof p->tag, "e%d", flow_number);
    p->flow_number = flow_number;
    timer_init(&p->due, on_due);
    p->next = plots;
    plots = p;
    return p;
}

void moments_approve(int number, int flow_number, enum moment m, int64_t after_ns)
{
    struct plot *p = add(flow_number);
    p->number = number;
    p->moment = m;
    p->after_ns = after_ns;
}

void moments_crash(int flow_number, int64_t changes, bool power, int64_t down_ns)
{
    struct plot *p = add(flow_number);
    p->number = -1;
    p->moment = MOMENT_ANSWERED;
    p->changes = changes;
    p->power = power;
    p->down_ns = down_ns;
}

void moments_event(int number, const char *event, size_t pad)
{
    struct plot *p = add(-1);
    p->number = number;
    p->moment = MOMENT_READ;
    p->event = event;
    p->pad = pad;
}

static void begin(struct plot *p)
{
    p->begun = true;
    if (p->number >= 0)
        world_at(&p->due, clock_now_ns() + p->after_ns);
    else
        faults_crash_at(disk_changes(world.disk) + (uint64_t)p->changes, p->power, p->down_ns);
}

void moments_come(const char *tag, enum moment m)
{
    for (struct plot *p = plots; p != NULL && !world.quiet; p = p->next)
        if (!p->begun && p->moment == m && strcmp(p->tag, tag) == 0)
            begin(p);
}

void moments_read_late(void)
{
    static int64_t next_ns;
    for (struct plot *p = plots; p != NULL && !world.quiet && clock_now_ns() >= next_ns; p = p->next)
        if (!p->begun && p->moment == MOMENT_READ) {
            begin(p);
            next_ns = clock_now_ns() + READS_APART_NS;
        }
}
