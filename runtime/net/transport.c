#include "net/transport.h"

#include "net/easy.h"

#include <ev.h>
#include <stdlib.h>

enum { POOL_MAX = 256, CONNECTIONS_MAX = 1024 };

struct curl_transport {
    struct transport base;
    struct transport_options options;
    CURLM *multi;
    struct ev_timer timeout; /* when libcurl wants to be called */
    struct easy *pool;       /* idle handles */
    int pool_count;
    struct easy *open;   /* every handle in the multi, for the end; linked by `next` */
    struct easy *failed; /* could not begin: told on the next turn */
    struct ev_timer tell_failed;
};

/* A socket that libcurl watches. */
struct watched {
    struct ev_io io;
    struct curl_transport *transport;
};

static struct easy *take_easy(struct curl_transport *t)
{
    struct easy *x = t->pool;
    if (x == NULL)
        return easy_new(&t->options);
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

static void unlink_from(struct easy **list, struct easy *x)
{
    for (; *list != NULL; list = &(*list)->next)
        if (*list == x) {
            *list = x->next;
            return;
        }
}

static void finish(struct curl_transport *t, struct easy *x, CURLcode code)
{
    struct exchange *exchange = x->exchange;
    easy_read(x, code);
    curl_multi_remove_handle(t->multi, x->curl);
    unlink_from(&t->open, x);
    exchange->state = NULL;
    give_easy(t, x);
    exchange->done(exchange);
}

static void finish_ended(struct curl_transport *t)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(t->multi, &left)) != NULL;) {
        struct easy *x = NULL;
        CURLcode code = m->data.result; /* `m` is gone once the handle is removed */
        if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x) != CURLE_OK || x == NULL)
            continue;
        finish(t, x, code);
    }
}

/* --- the loop ------------------------------------------------------------------------------------------------- */

static void act(struct curl_transport *t, curl_socket_t fd, int what)
{
    int running;
    (void)curl_multi_socket_action(t->multi, fd, what, &running);
    finish_ended(t);
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop;
    struct watched *w = (struct watched *)io;
    int what = (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
    act(w->transport, io->fd, what);
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)events;
    struct curl_transport *t = timer->data;
    ev_timer_stop(loop, timer);
    act(t, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long ms, void *ud)
{
    (void)multi;
    struct curl_transport *t = ud;
    ev_timer_stop(t->options.loop, &t->timeout);
    if (ms >= 0) {
        ev_timer_set(&t->timeout, (double)ms / 1000.0, 0.);
        ev_timer_start(t->options.loop, &t->timeout);
    }
    return 0;
}

static void unwatch(struct curl_transport *t, struct watched *w, curl_socket_t fd)
{
    if (w == NULL)
        return;
    ev_io_stop(t->options.loop, &w->io);
    curl_multi_assign(t->multi, fd, NULL);
    free(w);
}

static int on_socket_wanted(CURL *curl, curl_socket_t fd, int what, void *ud, void *socket_ud)
{
    (void)curl;
    struct curl_transport *t = ud;
    struct watched *w = socket_ud;
    if (what == CURL_POLL_REMOVE) {
        unwatch(t, w, fd);
        return 0;
    }
    int events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);
    if (w == NULL) {
        w = malloc(sizeof *w);
        if (w == NULL)
            return -1;
        w->transport = t;
        ev_io_init(&w->io, on_io, fd, events);
        curl_multi_assign(t->multi, fd, w);
    } else {
        ev_io_stop(t->options.loop, &w->io);
        ev_io_set(&w->io, fd, events);
    }
    ev_io_start(t->options.loop, &w->io);
    return 0;
}

/* --- the interface -------------------------------------------------------------------------------------------- */

static void on_tell_failed(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct curl_transport *t = timer->data;
    struct easy *list = t->failed;
    t->failed = NULL;
    while (list != NULL) {
        struct easy *x = list;
        struct exchange *exchange = x->exchange;
        list = x->next;
        exchange->state = NULL;
        give_easy(t, x);
        exchange->done(exchange);
    }
}

static void fail_later(struct curl_transport *t, struct easy *x)
{
    x->next = t->failed;
    t->failed = x;
    ev_timer_start(t->options.loop, &t->tell_failed);
}

static void no_memory(struct exchange *exchange)
{
    exchange->attempt.error = ATTEMPT_INTERNAL;
    exchange->attempt.class = ATTEMPT_NEVER_LEFT;
}

static void start(struct transport *base, struct exchange *exchange)
{
    struct curl_transport *t = (struct curl_transport *)base;
    struct easy *x = take_easy(t);
    if (x == NULL) {
        /* Nothing to hang it on for later: the handle that cannot be had is the memory that is short. */
        no_memory(exchange);
        exchange->done(exchange);
        return;
    }
    exchange->state = x;
    if (easy_begin(x, exchange) != 0) {
        fail_later(t, x);
        return;
    }
    if (curl_multi_add_handle(t->multi, x->curl) != CURLM_OK) {
        no_memory(exchange);
        fail_later(t, x);
        return;
    }
    x->next = t->open;
    t->open = x;
}

static void cancel(struct transport *base, struct exchange *exchange)
{
    struct curl_transport *t = (struct curl_transport *)base;
    struct easy *x = exchange->state;
    if (x == NULL)
        return;
    unlink_from(&t->failed, x);
    unlink_from(&t->open, x);
    curl_multi_remove_handle(t->multi, x->curl);
    exchange->state = NULL;
    give_easy(t, x);
}

static void free_list(struct curl_transport *t, struct easy *list)
{
    while (list != NULL) {
        struct easy *x = list;
        list = x->next;
        curl_multi_remove_handle(t->multi, x->curl);
        easy_free(x);
    }
}

static void free_transport(struct transport *base)
{
    struct curl_transport *t = (struct curl_transport *)base;
    free_list(t, t->open);
    free_list(t, t->failed);
    free_list(t, t->pool);
    curl_multi_cleanup(t->multi); /* closes its sockets: on_socket_wanted() frees what watched them */
    ev_timer_stop(t->options.loop, &t->timeout);
    ev_timer_stop(t->options.loop, &t->tell_failed);
    free(t);
    curl_global_cleanup();
}

static void set_up_multi(struct curl_transport *t)
{
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(t->multi, CURLMOPT_SOCKETDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(t->multi, CURLMOPT_TIMERDATA, t);
    curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
}

struct transport *transport_new(const struct transport_options *o, struct err *e)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(e, ERR_NET, 0, "libcurl does not start");
        return NULL;
    }
    struct curl_transport *t = calloc(1, sizeof *t);
    CURLM *multi = curl_multi_init();
    if (t == NULL || multi == NULL) {
        free(t);
        curl_multi_cleanup(multi);
        curl_global_cleanup();
        err_memory(e);
        return NULL;
    }
    t->base = (struct transport){.start = start, .cancel = cancel, .free = free_transport};
    t->options = *o;
    t->multi = multi;
    ev_timer_init(&t->timeout, on_timeout, 0., 0.);
    ev_timer_init(&t->tell_failed, on_tell_failed, 0., 0.);
    t->timeout.data = t->tell_failed.data = t;
    set_up_multi(t);
    return &t->base;
}
