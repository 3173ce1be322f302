#include "receivers.h"

#include "core/request.h"
#include "net/response.h"
#include "net/transport.h"
#include "oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct receiver {
    enum mood mood;
    int64_t until_ns;
};

/* What a receiver makes of one request. */
struct fate {
    enum attempt_class class;
    enum attempt_error error;
    int status;
    int64_t after_ns;
    int64_t retry_after_s; /* -1: none */
    bool as_date, huge, garbage;
    int64_t token;
};

struct parcel { /* a request on its way, and its answer */
    struct timer due;
    struct parcel *next, **link;
    struct exchange *exchange;
    struct sent *sent; /* NULL: of a violation */
    struct fate fate;
    int integration;
    int64_t began_ns, began_ms;
};

struct sim_transport {
    struct transport base;
    const struct secrets *secrets;
    struct parcel *parcels;
};

static struct receiver receivers[SIM_INTEGRATIONS];
static int in_flight[SIM_INTEGRATIONS];

void receivers_set(int integration, enum mood m, int64_t for_ns)
{
    receivers[integration] = (struct receiver){.mood = m, .until_ns = clock_now_ns() + for_ns};
}

void receivers_heal(void)
{
    for (int i = 0; i < SIM_INTEGRATIONS; i++)
        receivers[i] = (struct receiver){.mood = MOOD_FINE};
}

const char *receivers_mood_name(enum mood m)
{
    static const char *const names[] = {
        [MOOD_FINE] = "is fine",        [MOOD_SLOW] = "is slow",         [MOOD_ERRORS] = "answers errors",
        [MOOD_THROTTLES] = "throttles", [MOOD_DOWN] = "is down",         [MOOD_RESETS] = "resets connections",
        [MOOD_HANGS] = "hangs",         [MOOD_GARBAGE] = "says garbage", [MOOD_HUGE] = "says too much",
        [MOOD_MIXED] = "does anything", [MOOD_PUTS_OFF] = "puts off"};
    return names[m];
}

/* --- what it makes of a request ----------------------------------------------------------------------------------- */

static int64_t soon(void)
{
    return dice_spread(DICE_NET, 300 * 1000, 800 * NS_PER_MS);
}

static struct fate answered(int status)
{
    return (struct fate){.class = ATTEMPT_ANSWERED,
                         .status = status,
                         .after_ns = soon(),
                         .retry_after_s = -1,
                         .token = (int64_t)(dice(DICE_NET) >> 12)};
}

static struct fate failed(enum attempt_class class, enum attempt_error error, int64_t after_ns)
{
    return (struct fate){.class = class, .error = error, .after_ns = after_ns, .retry_after_s = -1};
}

static struct fate error_answer(void)
{
    static const int statuses[] = {500, 500, 502, 503, 503, 404, 410};
    struct fate f = answered(statuses[dice_below(DICE_NET, 7)]);
    if (f.status == 503 && dice_chance(DICE_NET, 0.3))
        f.retry_after_s = dice_spread(DICE_NET, 1, 120);
    return f;
}

static struct fate throttled(void)
{
    struct fate f = answered(429);
    if (dice_chance(DICE_NET, 0.8))
        f.retry_after_s = dice_spread(DICE_NET, 1, dice_chance(DICE_NET, 0.1) ? 3600 : 60);
    f.as_date = dice_chance(DICE_NET, 0.3);
    return f;
}

static struct fate put_off(void)
{
    struct fate f = answered(429);
    f.retry_after_s = dice_between(DICE_NET, 1800, 5400);
    return f;
}

static struct fate refused(const struct request_options *o)
{
    static const enum attempt_error errors[] = {ATTEMPT_DNS, ATTEMPT_CONNECT, ATTEMPT_CONNECT, ATTEMPT_TLS};
    bool times_out = dice_chance(DICE_NET, 0.2);
    return failed(ATTEMPT_NEVER_LEFT, times_out ? ATTEMPT_CONNECT : errors[dice_below(DICE_NET, 4)],
                  times_out ? (int64_t)o->connect_ms * NS_PER_MS : soon());
}

static struct fate slow(const struct request_options *o)
{
    int64_t most = (int64_t)o->timeout_ms * NS_PER_MS;
    struct fate f = answered(200);
    f.after_ns = dice_spread(DICE_NET, NS_PER_MS, most * 2);
    return f.after_ns < most ? f : failed(ATTEMPT_AMBIGUOUS, ATTEMPT_TIMEOUT, most);
}

static struct fate garbage(void)
{
    struct fate f = answered(200);
    f.garbage = true;
    return dice_chance(DICE_NET, 0.5) ? f : failed(ATTEMPT_AMBIGUOUS, ATTEMPT_PROTOCOL, soon());
}

static struct fate fate_of(enum mood m, const struct request_options *o)
{
    struct fate f;
    switch (m) {
    case MOOD_SLOW:
        return slow(o);
    case MOOD_ERRORS:
        return error_answer();
    case MOOD_THROTTLES:
        return throttled();
    case MOOD_PUTS_OFF:
        return put_off();
    case MOOD_DOWN:
        return refused(o);
    case MOOD_RESETS:
        return failed(ATTEMPT_AMBIGUOUS, ATTEMPT_RESET, soon());
    case MOOD_HANGS:
        return failed(ATTEMPT_AMBIGUOUS, ATTEMPT_TIMEOUT, (int64_t)o->timeout_ms * NS_PER_MS);
    case MOOD_GARBAGE:
        return garbage();
    case MOOD_HUGE:
        f = answered(200);
        f.huge = dice_chance(DICE_NET, 0.1); /* rare: all of it is compared in the end */
        return f;
    case MOOD_MIXED:
        return fate_of((enum mood)dice_below(DICE_NET, MOOD_MIXED), o);
    default:
        break;
    }
    if (world.quiet)
        return answered(200);
    return dice_chance(DICE_NET, 0.02) ? fate_of(MOOD_MIXED, o) : answered(201);
}

static struct fate throw_fate(int integration, const struct request_options *o)
{
    const struct receiver *r = &receivers[integration];
    return fate_of(clock_now_ns() < r->until_ns ? r->mood : MOOD_FINE, o);
}

/* --- the answer --------------------------------------------------------------------------------------------------- */

static void header(struct attempt *a, const char *line)
{
    (void)response_header_line(a, bytes_of(line));
}

static void put_retry_after(struct attempt *a, const struct fate *f)
{
    char line[96], date[64];
    time_t at = (time_t)(clock_wall_ms() / MS_PER_S + f->retry_after_s);
    struct tm tm;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&at, &tm));
    if (f->as_date)
        snprintf(line, sizeof line, "Retry-After: %s\r\n", date);
    else
        snprintf(line, sizeof line, "Retry-After: %" PRId64 "\r\n", f->retry_after_s);
    header(a, line);
}

static void put_body(struct attempt *a, const struct fate *f)
{
    static const char filler[4096] = {[0 ... 4095] = 'x'};
    char text[96];
    snprintf(text, sizeof text, f->garbage ? "<html>%" PRId64 " " SIM_SECRET : "{\"token\":\"token %" PRId64 "\"}",
             f->token);
    (void)response_body(a, RESPONSE_BODY_CAP, RESPONSE_MARGIN_MIN, bytes_of(text));
    for (int i = 0; f->huge && i < 100; i++)
        if (response_body(a, RESPONSE_BODY_CAP, RESPONSE_MARGIN_MIN, (struct bytes){filler, sizeof filler}) != 0)
            break;
}

static void put_answer(struct attempt *a, const struct fate *f)
{
    char line[40];
    snprintf(line, sizeof line, "HTTP/1.1 %d X\r\n", f->status);
    header(a, line);
    header(a, "Content-Type: application/json\r\n");
    if (f->retry_after_s >= 0)
        put_retry_after(a, f);
    put_body(a, f);
}

static void free_parcel(struct parcel *p)
{
    timer_stop(&world.events, &p->due);
    in_flight[p->integration]--;
    *p->link = p->next;
    if (p->next != NULL)
        p->next->link = p->link;
    free(p);
}

/* What the host makes of the header; a date has whole seconds. */
static void check_retry_after(const struct attempt *a, const struct fate *f)
{
    int64_t most = f->retry_after_s * MS_PER_S, least = f->as_date ? most - MS_PER_S : most;
    if (f->retry_after_s >= 0 && (a->retry_after_ms > most || a->retry_after_ms < least))
        violation("retry", "the receiver asks for %" PRId64 " s, and %" PRId64 " ms are understood", f->retry_after_s,
                  a->retry_after_ms);
}

static void fill(const struct sim_transport *t, const struct parcel *p)
{
    struct attempt *a = &p->exchange->attempt;
    a->started_ms = p->began_ms;
    a->duration_us = (clock_now_ns() - p->began_ns) / 1000;
    a->class = p->fate.class;
    a->error = p->fate.error;
    if (p->fate.class == ATTEMPT_ANSWERED)
        put_answer(a, &p->fate);
    else
        snprintf(a->message, sizeof a->message, "the world is bad: %s", attempt_error_name(p->fate.error));
    response_end(a, t->secrets, clock_wall_ms());
    response_cut(a, RESPONSE_BODY_CAP);
    check_retry_after(a, &p->fate);
}

static void on_due(struct timer *due, int64_t now_ns)
{
    (void)now_ns;
    struct parcel *p = (struct parcel *)((char *)due - offsetof(struct parcel, due));
    struct exchange *x = p->exchange;
    const struct sim_transport *t = x->state;
    if (world.dead)
        return;
    fill(t, p);
    if (p->sent != NULL)
        oracle_told(p->sent, &x->attempt, p->fate.token, p->fate.garbage || p->fate.huge,
                    in_flight[p->integration] - 1);
    free_parcel(p);
    x->done(x);
}

/* --- the transport ------------------------------------------------------------------------------------------------ */

/* "http://i2.test/…" */
static int integration_of(const struct request_view *v)
{
    char url[32];
    int i = -1;
    snprintf(url, sizeof url, "%.*s", (int)(v->url.bytes.len < 31 ? v->url.bytes.len : 31), v->url.bytes.data);
    if (sscanf(url, "http://i%d.test/", &i) != 1 || i < 0 || i >= SIM_INTEGRATIONS) {
        violation("request", "a request to %s", url);
        return 0;
    }
    return i;
}

static void on_start(struct transport *base, struct exchange *x)
{
    struct sim_transport *t = (struct sim_transport *)base;
    static struct request_view v;
    struct err e;
    if (world.dead)
        return;
    if (request_view_read(&v, x->request, &e) != 0) {
        violation("request", "%s", e.message);
        return;
    }
    struct parcel *p = world_alloc(sizeof *p);
    p->integration = integration_of(&v);
    p->exchange = x;
    p->began_ns = clock_now_ns();
    p->began_ms = clock_wall_ms();
    p->sent = oracle_sent(x, p->integration, ++in_flight[p->integration]);
    if (world.plant == PLANT_DOUBLE && dice_chance(DICE_NET, 0.0005))
        (void)oracle_sent(x, p->integration, in_flight[p->integration]);
    p->fate = throw_fate(p->integration, &v.options);
    p->next = t->parcels;
    p->link = &t->parcels;
    if (p->next != NULL)
        p->next->link = &p->next;
    t->parcels = p;
    x->state = t;
    timer_init(&p->due, on_due);
    world_at(&p->due, clock_now_ns() + p->fate.after_ns);
}

static void on_cancel(struct transport *base, struct exchange *x)
{
    struct sim_transport *t = (struct sim_transport *)base;
    for (struct parcel *p = t->parcels; p != NULL; p = p->next)
        if (p->exchange == x) {
            free_parcel(p);
            return;
        }
}

static void on_free(struct transport *base)
{
    struct sim_transport *t = (struct sim_transport *)base;
    while (t->parcels != NULL)
        free_parcel(t->parcels);
    free(t);
}

struct transport *transport_new(const struct transport_options *o, struct err *e)
{
    (void)e;
    struct sim_transport *t = world_alloc(sizeof *t);
    t->base = (struct transport){.start = on_start, .cancel = on_cancel, .free = on_free};
    t->secrets = o->secrets;
    return &t->base;
}
