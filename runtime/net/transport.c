#include "net/transport.h"

#include "core/memory.h"
#include "core/pulse.h"
#include "core/units.h"
#include "net/easy.h"
#include "net/idle.h"
#include "net/response.h"

#include <ev.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { POOL_MAX = 256, CONNECTIONS_MAX = 1024 };
static const double MEND_S = 0.1;

/* A socket that libcurl watches. */
struct watcher {
    struct ev_io io;
    struct curl_transport *transport;
    struct watcher *next; /* among those not in use */
};

struct curl_transport {
    struct transport base;
    struct transport_options options;
    CURLM *multi;
    bool torn;                /* it may have forgotten something: `timeout` is to mend that */
    struct ev_timer timeout;  /* when libcurl wants to be called */
    struct watcher *watchers; /* not in use */
    struct idle idle;
    struct origins origins;
    struct easy *open; /* in the multi */
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

/* A connection outlives the handle that opened it. */
static int on_close(void *ud, curl_socket_t fd)
{
    struct curl_transport *t = ud;
    idle_release(&t->idle, fd);
    return close(fd);
}

static struct easy *make_easy(struct curl_transport *t)
{
    struct easy *x = easy_new(&t->options, &t->origins);
    if (x == NULL)
        return NULL;
    if (curl_easy_setopt(x->curl, CURLOPT_CLOSESOCKETFUNCTION, on_close) == CURLE_OK &&
        curl_easy_setopt(x->curl, CURLOPT_CLOSESOCKETDATA, t) == CURLE_OK)
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
    curl_multi_remove_handle(t->multi, x->curl);
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

static void finish(struct curl_transport *t, struct easy *x, CURLcode code)
{
    struct exchange *exchange = x->exchange;
    curl_socket_t kept = CURL_SOCKET_BAD;
    easy_read(x, code);
    if (curl_easy_getinfo(x->curl, CURLINFO_ACTIVESOCKET, &kept) == CURLE_OK && kept != CURL_SOCKET_BAD)
        idle_watch(&t->idle, kept);
    close_easy(t, x);
    exchange->done(exchange);
}

/* Outside of libcurl, so that done() may start and cancel as it likes. */
static void finish_ended(struct curl_transport *t)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(t->multi, &left)) != NULL;) {
        struct easy *x = NULL;
        CURLcode code = m->data.result; /* `m` is gone once the handle is removed */
        if (m->msg == CURLMSG_DONE && curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x) == CURLE_OK && x != NULL)
            finish(t, x, code);
    }
}

/* libcurl ran short of memory: which sockets it waits for and when it wants to be called it may not have said. */
static void mend_soon(struct curl_transport *t)
{
    if (t->torn)
        return; /* what fails again and again must not put it off for ever */
    t->torn = true;
    ev_timer_stop(t->options.loop, &t->timeout);
    ev_timer_set(&t->timeout, MEND_S, 0.);
    ev_timer_start(t->options.loop, &t->timeout);
}

static void act(struct curl_transport *t, curl_socket_t fd, int what)
{
    int running;
    enum phase before = phase_enter(PHASE_TRANSPORT);
    if (curl_multi_socket_action(t->multi, fd, what, &running) != CURLM_OK)
        mend_soon(t);
    finish_ended(t);
    phase_leave(before);
}

static int on_timer_wanted(CURLM *multi, long ms, void *ud);

/* Nothing else makes libcurl say it all again. */
static void mend(struct curl_transport *t)
{
    int running;
    long ms = -1;
    enum phase before = phase_enter(PHASE_TRANSPORT);
    t->torn = false;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    bool mended = curl_multi_socket_all(t->multi, &running) == CURLM_OK;
#pragma GCC diagnostic pop
    if (!mended)
        mend_soon(t);
    else if (curl_multi_timeout(t->multi, &ms) == CURLM_OK)
        (void)on_timer_wanted(t->multi, ms, t);
    finish_ended(t);
    phase_leave(before);
}

/* --- the loop ------------------------------------------------------------------------------------------------- */

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop;
    struct watcher *w = (struct watcher *)io;
    int what = (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
    act(w->transport, io->fd, what);
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct curl_transport *t = timer->data;
    if (t->torn)
        mend(t);
    else
        act(t, CURL_SOCKET_TIMEOUT, 0);
}

/* From inside libcurl: it may not be called back here, so even 0 waits for the loop. */
static int on_timer_wanted(CURLM *multi, long ms, void *ud)
{
    (void)multi;
    struct curl_transport *t = ud;
    if (t->torn)
        return 0;
    ev_timer_stop(t->options.loop, &t->timeout);
    if (ms >= 0) {
        ev_timer_set(&t->timeout, (double)ms / 1000.0, 0.);
        ev_timer_start(t->options.loop, &t->timeout);
    }
    return 0;
}

static struct watcher *take_watcher(struct curl_transport *t, curl_socket_t fd)
{
    struct watcher *w = t->watchers;
    if (w != NULL)
        t->watchers = w->next;
    else
        w = memory_insist(NULL, sizeof *w); /* libcurl asks once; a socket that is not watched stays so */
    w->transport = t;
    ev_init(&w->io, on_io);
    curl_multi_assign(t->multi, fd, w);
    return w;
}

static void give_watcher(struct curl_transport *t, struct watcher *w, curl_socket_t fd)
{
    ev_io_stop(t->options.loop, &w->io);
    curl_multi_assign(t->multi, fd, NULL);
    w->next = t->watchers;
    t->watchers = w;
}

static int on_socket_wanted(CURL *curl, curl_socket_t fd, int what, void *ud, void *socket_ud)
{
    (void)curl;
    struct curl_transport *t = ud;
    struct watcher *w = socket_ud;
    if (what == CURL_POLL_REMOVE) {
        idle_release(&t->idle, fd);
        if (w != NULL)
            give_watcher(t, w, fd);
        return 0;
    }
    idle_take(&t->idle, fd);
    if (w == NULL)
        w = take_watcher(t, fd);
    ev_io_stop(t->options.loop, &w->io);
    ev_io_set(&w->io, fd, (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    ev_io_start(t->options.loop, &w->io);
    return 0;
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
    if (rc == 0 && curl_multi_add_handle(t->multi, x->curl) != CURLM_OK) {
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
    curl_multi_cleanup(t->multi); /* closes what is connected; on_socket_wanted() gives the watchers back */
    for (struct watcher *w; (w = t->watchers) != NULL; free(w))
        t->watchers = w->next;
    idle_fini(&t->idle);
    origins_fini(&t->origins);
    ev_timer_stop(t->options.loop, &t->timeout);
    ev_timer_stop(t->options.loop, &t->tell);
    free(t);
    curl_global_cleanup();
}

static void set_up(struct curl_transport *t)
{
    if (t->options.body_cap == 0)
        t->options.body_cap = RESPONSE_BODY_CAP;
    if (t->options.wall_ms == NULL)
        t->options.wall_ms = wall_ms;
    origins_init(&t->origins);
    ev_init(&t->timeout, on_timeout);
    ev_init(&t->tell, on_tell);
    t->timeout.data = t->tell.data = t;
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
}

struct transport *transport_new(const struct transport_options *o, struct err *e)
{
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, memory_alloc, free, memory_resize, memory_copy, memory_zeroed) !=
        CURLE_OK) {
        err_set(e, ERR_SYSTEM, CURLE_FAILED_INIT, "libcurl does not start: not enough memory?");
        return NULL;
    }
    struct curl_transport *t = calloc(1, sizeof *t);
    CURLM *multi = curl_multi_init();
    int rc = t == NULL || multi == NULL ? err_memory(e) : idle_init(&t->idle, o->loop, e);
    if (rc != 0) {
        free(t);
        curl_multi_cleanup(multi);
        curl_global_cleanup();
        return NULL;
    }
    t->base = (struct transport){.start = start, .cancel = cancel, .free = free_transport};
    t->options = *o;
    t->multi = multi;
    set_up(t);
    return &t->base;
}
