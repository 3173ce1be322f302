#include "core/pulse.h"

#include <stdio.h>
#include <string.h>

enum pulse_asked { ASKED_NOT, ASKED, ASKED_ANSWERED };

/* A thread's own: many a function below it marks a phase, on whichever thread it runs. */
static _Thread_local struct pulse *own;

const char *phase_name(enum phase p)
{
    static const char *const names[] = {"loop",   "http",  "control", "store", "transport", "timers",
                                        "reload", "files", "script",  "log",   "?"};
    return names[p < PHASE_COUNT ? p : PHASE_COUNT];
}

void pulse_init(struct pulse *p)
{
    memset(p->place, 0, sizeof p->place);
    memset(p->about, 0, sizeof p->about);
    memset(p->now_about, 0, sizeof p->now_about);
    atomic_init(&p->turn, 0);
    atomic_init(&p->woke_ns, 0);
    atomic_init(&p->phase, PHASE_LOOP);
    atomic_init(&p->asked, ASKED_NOT);
}

void pulse_attach(struct pulse *p)
{
    own = p;
}

/* --- the thread that is watched ----------------------------------------------------------------------------------- */

static void set(_Atomic int *what, int value)
{
    atomic_store_explicit(what, value, memory_order_relaxed);
}

static int get(const _Atomic int *what)
{
    return atomic_load_explicit(what, memory_order_relaxed);
}

/* In one order with what the watchdog does before it sleeps: one of the two sees the other. */
void pulse_begin(struct pulse *p, int64_t now_ns)
{
    atomic_store_explicit(&p->woke_ns, now_ns, memory_order_relaxed);
    set(&p->phase, PHASE_LOOP);
    atomic_store(&p->turn, atomic_load_explicit(&p->turn, memory_order_relaxed) | 1);
}

void pulse_end(struct pulse *p)
{
    uint64_t turn = atomic_load_explicit(&p->turn, memory_order_relaxed);
    atomic_store_explicit(&p->turn, turn + turn % 2, memory_order_release);
}

enum phase phase_enter(enum phase p)
{
    if (own == NULL)
        return PHASE_LOOP;
    enum phase before = (enum phase)get(&own->phase);
    set(&own->phase, p);
    return before;
}

void phase_leave(enum phase before)
{
    if (own != NULL)
        set(&own->phase, before);
}

void pulse_about(struct bytes webhook)
{
    if (own == NULL)
        return;
    size_t len = webhook.len < PULSE_ABOUT_SIZE ? webhook.len : PULSE_ABOUT_SIZE - 1;
    memcpy(own->now_about, webhook.len == 0 ? "" : webhook.data, len);
    own->now_about[len] = '\0';
}

bool pulse_is_asked(void)
{
    return own != NULL && get(&own->asked) == ASKED;
}

void pulse_answer(const char *place)
{
    snprintf(own->place, sizeof own->place, "%s", place);
    memcpy(own->about, own->now_about, sizeof own->about);
    atomic_store_explicit(&own->asked, ASKED_ANSWERED, memory_order_release);
}

/* --- the one that watches ----------------------------------------------------------------------------------------- */

uint64_t pulse_turn(const struct pulse *p)
{
    return atomic_load(&p->turn);
}

enum phase pulse_phase(const struct pulse *p)
{
    return (enum phase)get(&p->phase);
}

void pulse_ask(struct pulse *p)
{
    atomic_store_explicit(&p->asked, ASKED, memory_order_release);
}

bool pulse_answered(const struct pulse *p)
{
    return atomic_load_explicit(&p->asked, memory_order_acquire) == ASKED_ANSWERED;
}
