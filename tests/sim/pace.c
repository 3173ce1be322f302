#include "pace.h"

#include "faults.h"
#include "rates.h"
#include "rule.h"
#include "server.h"
#include "world.h"

#include <stdlib.h>

static const int64_t BEGIN_NS = 2 * NS_PER_S; /* a life may take that long until it sends */
static const int64_t IDLE_MAX_NS = NS_PER_S;  /* in one piece, or more than is forgiven for a while */
static const int64_t OVERDUE_NS = NS_PER_S;   /* a retry that has waited so long goes before what is fresh */
enum { FORGIVEN = 50 };                       /* one part of so many of the time: 98 % of the rate are promised */

struct retry { /* to come for sure, unless it has come */
    struct retry *next;
    const struct delivery *delivery;
    int64_t due_ns, until_ns;
};

struct line {              /* of one integration */
    struct retry *retries; /* by due_ns */
    int fresh;
    int in_flight;
    int life; /* of the host, at the last look */
    int64_t looked_ns, began_ns, sent_ns, paused_ns;
    int64_t idle_ns;
};

static struct line lines[SIM_INTEGRATIONS];
static int64_t wall_offset_ms;

/* --- what is due -------------------------------------------------------------------------------------------------- */

static void drop(struct retry **at)
{
    struct retry *r = *at;
    *at = r->next;
    free(r);
}

static void drop_if(struct line *l, bool (*is_over)(const struct retry *))
{
    for (struct retry **p = &l->retries; *p != NULL;)
        if (is_over(*p))
            drop(p);
        else
            p = &(*p)->next;
}

static bool has_lapsed(const struct retry *r)
{
    return r->until_ns <= clock_now_ns();
}

static bool is_unsure(const struct retry *r)
{
    return r->delivery->at_risk || !r->delivery->webhook->key;
}

static bool is_any(const struct retry *r)
{
    (void)r;
    return true;
}

/* Due times are times on the wall: once the clock was set, nobody knows when they come. */
static void forget_if_clock_was_set(void)
{
    int64_t offset_ms = clock_wall_ms() - clock_now_ns() / NS_PER_MS;
    if (offset_ms == wall_offset_ms)
        return;
    wall_offset_ms = offset_ms;
    for (int i = 0; i < SIM_INTEGRATIONS; i++)
        drop_if(&lines[i], is_any);
}

static void add_retry(struct line *l, const struct delivery *d)
{
    const struct sent *first;
    int tries = rule_count(d, &first);
    struct retry *r = world_alloc(sizeof *r), **p = &l->retries;
    r->delivery = d;
    r->due_ns = clock_now_ns() + (rule_most_ms(d, first, d->last, tries) + RULE_GRAIN_MS) * NS_PER_MS;
    r->until_ns = clock_now_ns() + rule_left_ms(d, first, d->last) * NS_PER_MS;
    while (*p != NULL && (*p)->due_ns <= r->due_ns)
        p = &(*p)->next;
    r->next = *p;
    *p = r;
}

static struct retry **find_retry(struct line *l, const struct delivery *d)
{
    struct retry **p = &l->retries;
    while (*p != NULL && (*p)->delivery != d)
        p = &(*p)->next;
    return p;
}

bool pace_waits(const struct delivery *d)
{
    forget_if_clock_was_set();
    const struct retry *r = *find_retry(&lines[d->webhook->integration], d);
    return r != NULL && !has_lapsed(r);
}

/* --- what is idle ------------------------------------------------------------------------------------------------- */

/* Since when something is due that has not come; INT64_MAX: nothing is. */
static int64_t due_since(const struct line *l)
{
    if (l->fresh > 0)
        return l->looked_ns;
    return l->retries != NULL ? l->retries->due_ns : INT64_MAX;
}

/* Until when it may be held up. */
static int64_t held_until(const struct line *l, int integration)
{
    int rate = rates_lowest(integration, l->sent_ns);
    int64_t interval = rate == 0 ? 0 : NS_PER_S / rate;
    if (l->in_flight >= rates_lowest_cap(integration, l->looked_ns))
        return INT64_MAX;
    return clock_later(clock_later(l->sent_ns + interval, l->paused_ns),
                       clock_later(clock_later(l->began_ns + BEGIN_NS, faults_sound_ns()), world_held_ns()));
}

static void begin_life(struct line *l)
{
    l->life = world.life;
    l->began_ns = l->sent_ns = clock_now_ns();
    l->paused_ns = 0; /* a pause is not written down */
    l->in_flight = 0;
}

static void look(int integration)
{
    struct line *l = &lines[integration];
    int64_t now = clock_now_ns(), from = l->looked_ns;
    drop_if(l, has_lapsed);
    int64_t start = clock_later(from, clock_later(due_since(l), held_until(l, integration)));
    l->looked_ns = now;
    if (l->life != world.life)
        begin_life(l);
    else if (!server_is_open())
        l->idle_ns = 0;
    else
        l->idle_ns = clock_later(0, l->idle_ns + (start < now ? now - start : 0) - (now - from) / FORGIVEN);
    if (l->idle_ns > IDLE_MAX_NS)
        violation("pace", "i%d has something to send (%d never sent, a retry of %s), and is idle for %.1f s too long",
                  integration, l->fresh, l->retries != NULL ? l->retries->delivery->tag : "none",
                  (double)l->idle_ns / 1e9);
}

void pace_look(void)
{
    forget_if_clock_was_set();
    for (int i = 0; i < SIM_INTEGRATIONS; i++)
        look(i);
}

/* --- what happens ------------------------------------------------------------------------------------------------- */

void pace_fresh(int integration, bool more)
{
    forget_if_clock_was_set();
    look(integration);
    lines[integration].fresh += more ? 1 : -1;
}

/* Retries go first, else a backlog would eat their window. */
static void check_order(const struct line *l, const struct delivery *d)
{
    const struct retry *r = l->retries;
    int64_t since = r == NULL ? INT64_MAX
                              : clock_later(clock_later(r->due_ns, l->paused_ns),
                                            clock_later(l->began_ns + BEGIN_NS, faults_sound_ns()));
    if (d->last == NULL && since < clock_now_ns() - OVERDUE_NS)
        violation("pace", "%s is sent, and a retry of %s waits for %.1f s", d->tag, r->delivery->tag,
                  (double)(clock_now_ns() - r->due_ns) / 1e9);
}

void pace_sent(const struct delivery *d, int in_flight)
{
    struct line *l = &lines[d->webhook->integration];
    struct retry **r;
    forget_if_clock_was_set();
    look(d->webhook->integration);
    if (clock_now_ns() < l->paused_ns)
        violation("pause", "i%d gets a request %.3f s before the end of the time it has asked for",
                  d->webhook->integration, (double)(l->paused_ns - clock_now_ns()) / 1e9);
    check_order(l, d);
    if (*(r = find_retry(l, d)) != NULL)
        drop(r);
    l->sent_ns = clock_now_ns();
    l->in_flight = in_flight;
}

void pace_told(const struct delivery *d, int in_flight)
{
    struct line *l = &lines[d->webhook->integration];
    forget_if_clock_was_set();
    look(d->webhook->integration);
    l->in_flight = in_flight;
    if (rule_goes_on(d))
        add_retry(l, d);
    l->paused_ns = clock_later(l->paused_ns, clock_now_ns() + rule_pause_ms(d, d->last) * NS_PER_MS);
}

void pace_life_ends(void)
{
    for (int i = 0; i < SIM_INTEGRATIONS; i++)
        drop_if(&lines[i], is_unsure);
}
