#include "net/transport.h"

#include "core/memory.h"
#include "core/pulse.h"
#include "core/units.h"
#include "net/easy.h"
#include "net/hub.h"
#include "net/response.h"

#include <ev.h>
#include <stdlib.h>
#include <time.h>

enum {
    POOL_MAX = 256,
    IDLE_S = 30, /* the longer a connection is idle, the likelier the receiver is just closing it */
};

struct curl_transport {
    struct transport base;
    struct transport_options options;
    struct hub hub;
    struct origins origins;
    struct easy *open; /* in the hub */
    struct easy *pool; /* idle, linked by `next` */
    int pool_count;
    struct ev_timer tell;     /* the next turn of the loop, when what could not begin is told */
    struct exchange *refused; /* to be told; linked by `state` */
    struct exchange *being_told;
};

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}

/* --- handles -------------------------------------------------------------------------------------------------- */

static struct easy *make_easy(struct curl_transport *t)
{
    struct easy *x = easy_new(&t->options, &t->origins);
    if (x == NULL)
        return NULL;
    if (hub_adopt(&t->hub, x->curl))
        return x;
    easy_free(x);
    return NULL;
}

static struct easy *take_easy(struct curl_transport *t)
{
    struct easy *x = t->pool;
    if (x == NULL)
        return make_easy(t);
    t->pool = x->next;
    t->pool_count--;
    return x;
}

static void give_easy(struct curl_transport *t, struct easy *x)
{
    easy_end(x);
    if (t->pool_count >= POOL_MAX) {
        easy_free(x);
        return;
    }
    x->next = t->pool;
    t->pool = x;
    t->pool_count++;
}

static void open_easy(struct curl_transport *t, struct easy *x)
{
    x->prev = NULL;
    x->next = t->open;
    if (x->next != NULL)
        x->next->prev = x;
    t->open = x;
}

static void close_easy(struct curl_transport *t, struct easy *x)
{
    hub_remove(x->spoke, x->curl);
    if (x->prev != NULL)
        x->prev->next = x->next;
    else
        t->open = x->next;
    if (x->next != NULL)
        x->next->prev = x->prev;
    x->exchange->state = NULL;
    give_easy(t, x);
}

/* --- ends ----------------------------------------------------------------------------------------------------- */

static void on_ended(void *ud, CURL *easy, CURLcode code)
{
    struct easy *x = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &x) != CURLE_OK || x == NULL)
        return;
    struct exchange *exchange = x->exchange;
    easy_read(x, code);
    close_easy(ud, x);
    exchange->done(exchange);
}

/* --- what could not begin ------------------------------------------------------------------------------------- */

/* The exchange itself is the link: there may be no memory for one. */
static void tell_later(struct curl_transport *t, struct exchange *exchange)
{
    exchange->state = t->refused;
    t->refused = exchange;
    ev_timer_stop(t->options.loop, &t->tell);
    ev_timer_set(&t->tell, 0., 0.);
    ev_timer_start(t->options.loop, &t->tell);
}

static bool unlink_exchange(struct exchange **list, struct exchange *exchange)
{
    while (*list != NULL && *list != exchange)
        list = (struct exchange **)&(*list)->state;
    if (*list == NULL)
        return false;
    *list = exchange->state;
    exchange->state = NULL;
    return true;
}

/* What done() refuses anew is for the turn after, and what it cancels it finds in one of the two lists. */
static void on_tell(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct curl_transport *t = timer->data;
    t->being_told = t->refused;
    t->refused = NULL;
    enum phase before = phase_enter(PHASE_TRANSPORT);
    for (struct exchange *exchange; (exchange = t->being_told) != NULL;) {
        t->being_told = exchange->state;
        exchange->state = NULL;
        exchange->done(exchange);
    }
    phase_leave(before);
}

static void no_memory(struct curl_transport *t, struct exchange *exchange)
{
    easy_refuse(exchange, &t->options, ATTEMPT_INTERNAL, ATTEMPT_NEVER_LEFT, "out of memory");
}

/* --- the interface -------------------------------------------------------------------------------------------- */

static void start(struct transport *base, struct exchange *exchange)
{
    struct curl_transport *t = (struct curl_transport *)base;
    struct easy *x = take_easy(t);
    if (x == NULL) {
        no_memory(t, exchange);
        tell_later(t, exchange);
        return;
    }
    int rc = easy_begin(x, exchange);
    if (rc == 0 && (x->spoke = hub_add(&t->hub, easy_place(x), x->curl)) == NULL) {
        no_memory(t, exchange);
        rc = -1;
    }
    if (rc != 0) {
        give_easy(t, x);
        tell_later(t, exchange);
        return;
    }
    exchange->state = x;
    open_easy(t, x);
}

static void cancel(struct transport *base, struct exchange *exchange)
{
    struct curl_transport *t = (struct curl_transport *)base;
    if (unlink_exchange(&t->refused, exchange) || unlink_exchange(&t->being_told, exchange))
        return;
    if (exchange->state != NULL)
        close_easy(t, exchange->state);
}

static void free_transport(struct transport *base)
{
    struct curl_transport *t = (struct curl_transport *)base;
    while (t->open != NULL)
        close_easy(t, t->open);
    for (struct easy *x; (x = t->pool) != NULL; easy_free(x))
        t->pool = x->next;
    hub_fini(&t->hub);
    origins_fini(&t->origins);
    ev_timer_stop(t->options.loop, &t->tell);
    free(t);
    curl_global_cleanup();
}

static void set_up(struct curl_transport *t, const struct transport_options *o)
{
    t->base = (struct transport){.start = start, .cancel = cancel, .free = free_transport};
    t->options = *o;
    if (t->options.idle_s == 0)
        t->options.idle_s = IDLE_S;
    if (t->options.body_cap == 0)
        t->options.body_cap = RESPONSE_BODY_CAP;
    if (t->options.wall_ms == NULL)
        t->options.wall_ms = wall_ms;
    origins_init(&t->origins);
    ev_init(&t->tell, on_tell);
    t->tell.data = t;
}

struct transport *transport_new(const struct transport_options *o, struct err *e)
{
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, memory_alloc, free, memory_resize, memory_copy, memory_zeroed) !=
        CURLE_OK) {
        err_set(e, ERR_SYSTEM, CURLE_FAILED_INIT, "libcurl does not start: not enough memory?");
        return NULL;
    }
    struct curl_transport *t = calloc(1, sizeof *t);
    if (t != NULL)
        set_up(t, o);
    if (t == NULL ? err_memory(e) : hub_init(&t->hub, o->loop, t->options.idle_s, on_ended, t, e)) {
        free(t);
        curl_global_cleanup();
        return NULL;
    }
    return &t->base;
}
