#include "net/hub.h"

#include "core/pulse.h"
#include "core/units.h"

#include <stdlib.h>
#include <unistd.h>

static const double MEND_S = 0.1;

/* --- acting ------------------------------------------------------------------------------------------------------ */

static void on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events);

static void start_timer(struct spoke *s, double seconds)
{
    ev_timer_stop(s->hub->loop, &s->timeout);
    ev_timer_set(&s->timeout, seconds, 0.);
    ev_timer_start(s->hub->loop, &s->timeout);
    s->later_s = 0;
}

/* libcurl ran short of memory: which sockets it waits for and when it wants to be called it may not have said. */
static void mend_soon(struct spoke *s)
{
    if (s->torn)
        return; /* what fails again and again must not put it off for ever */
    s->torn = true;
    start_timer(s, MEND_S);
}

/* Of a connection that is kept for the first time libcurl has to be asked, which looks through all of them. */
static void note_kept(struct hub *h, CURL *easy)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (!sockets_may_stand(&h->sockets, easy))
        return;
    if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD)
        sockets_stands(&h->sockets, fd, easy);
}

static void finish_ended(struct spoke *s)
{
    struct hub *h = s->hub;
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &left)) != NULL;) {
        CURL *easy = m->easy_handle; /* `m` is gone once the handle is removed */
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        note_kept(h, easy);
        h->on_ended(h->ud, easy, code);
    }
    sockets_settle(&h->sockets);
}

static void act(struct spoke *s, curl_socket_t fd, int what)
{
    int running;
    enum phase before = phase_enter(PHASE_TRANSPORT);
    if (curl_multi_socket_action(s->multi, fd, what, &running) != CURLM_OK)
        mend_soon(s);
    finish_ended(s);
    phase_leave(before);
}

/* --- what is due ------------------------------------------------------------------------------------------------- */

static void note_due(struct spoke *s)
{
    struct hub *h = s->hub;
    if (s->is_due)
        return;
    s->is_due = true;
    s->next_due = h->due;
    if (h->due == NULL) {
        ev_prepare_start(h->loop, &h->before_sleep);
        ev_timer_set(&h->awake, 0., 0.);
        ev_timer_start(h->loop, &h->awake);
    }
    h->due = s;
}

/* What becomes due meanwhile is for the next time: others want their turn. */
static void do_what_is_due(struct hub *h)
{
    struct spoke *due = h->due;
    h->due = NULL;
    ev_prepare_stop(h->loop, &h->before_sleep);
    ev_timer_stop(h->loop, &h->awake);
    for (struct spoke *s; (s = due) != NULL;) {
        due = s->next_due;
        s->is_due = false;
        act(s, CURL_SOCKET_TIMEOUT, 0);
    }
}

static void on_before_sleep(struct ev_loop *loop, struct ev_prepare *w, int events)
{
    (void)loop, (void)events;
    do_what_is_due(w->data);
}

static void on_awake(struct ev_loop *loop, struct ev_timer *w, int events)
{
    (void)loop, (void)events;
    do_what_is_due(w->data);
}

/* --- what libcurl waits for -------------------------------------------------------------------------------------- */

/* From inside libcurl: it may not be called back here. A timer that is early enough is left as it is. */
static int on_timer_wanted(CURLM *multi, long ms, void *ud)
{
    struct spoke *s = ud;
    (void)multi;
    if (s->torn)
        return 0;
    if (ms == 0)
        note_due(s);
    else if (ms < 0)
        ev_timer_stop(s->hub->loop, &s->timeout);
    else {
        double seconds = (double)ms / MS_PER_S;
        if (ev_is_active(&s->timeout))
            s->later_s = seconds - ev_timer_remaining(s->hub->loop, &s->timeout);
        if (!ev_is_active(&s->timeout) || s->later_s < 0)
            start_timer(s, seconds);
    }
    return 0;
}

/* Nothing else makes libcurl say it all again. */
static void mend(struct spoke *s)
{
    int running;
    long ms = -1;
    enum phase before = phase_enter(PHASE_TRANSPORT);
    s->torn = false;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    bool mended = curl_multi_socket_all(s->multi, &running) == CURLM_OK;
#pragma GCC diagnostic pop
    if (!mended)
        mend_soon(s);
    else if (curl_multi_timeout(s->multi, &ms) == CURLM_OK)
        (void)on_timer_wanted(s->multi, ms, s);
    finish_ended(s);
    phase_leave(before);
}

static void on_timeout(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct spoke *s = timer->data;
    (void)loop, (void)events;
    if (s->torn)
        mend(s);
    else if (s->later_s > 0)
        start_timer(s, s->later_s);
    else
        act(s, CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(void *ud, int fd, int events)
{
    int what = (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0);
    act(ud, fd, what);
}

static int on_socket_wanted(CURL *curl, curl_socket_t fd, int what, void *ud, void *socket_ud)
{
    struct spoke *s = ud;
    int events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);
    (void)socket_ud;
    if (what == CURL_POLL_REMOVE)
        sockets_release(&s->hub->sockets, fd);
    else
        sockets_want(&s->hub->sockets, fd, events, curl, s);
    return 0;
}

/* A connection outlives the handle that opened it. */
static int on_close(void *ud, curl_socket_t fd)
{
    struct hub *h = ud;
    sockets_closed(&h->sockets, fd);
    return close(fd);
}

/* --- the interface ----------------------------------------------------------------------------------------------- */

static CURLM *multi_new(struct spoke *s)
{
    CURLM *multi = curl_multi_init();
    if (multi == NULL)
        return NULL;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, s);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, s);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)HUB_CONNECTIONS);
    return multi;
}

/* Of a handle without transfers: all connections that it has are too old. Without memory for a new one it stays. */
static void renew(struct spoke *s)
{
    CURLM *multi = multi_new(s);
    if (multi == NULL)
        return;
    curl_multi_cleanup(s->multi);
    s->multi = multi;
}

static void on_expiry(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    struct spoke *s = timer->data;
    double left_s = s->ended_s + s->hub->idle_s - ev_now(loop);
    (void)events;
    if (s->transfers > 0)
        return; /* when they have ended it starts again */
    if (left_s <= 0 && !s->torn && !s->is_due) {
        renew(s);
        return;
    }
    ev_timer_set(timer, left_s > 0 ? left_s : s->hub->idle_s, 0.);
    ev_timer_start(loop, timer);
}

static struct spoke *spoke_new(struct hub *h)
{
    struct spoke *s = calloc(1, sizeof *s);
    if (s == NULL || (s->multi = multi_new(s)) == NULL) {
        free(s);
        return NULL;
    }
    s->hub = h;
    ev_init(&s->timeout, on_timeout);
    ev_init(&s->expiry, on_expiry);
    s->timeout.data = s->expiry.data = s;
    return s;
}

static void spoke_free(struct spoke *s)
{
    if (s == NULL)
        return;
    curl_multi_cleanup(s->multi);
    ev_timer_stop(s->hub->loop, &s->timeout);
    ev_timer_stop(s->hub->loop, &s->expiry);
    free(s);
}

int hub_init(struct hub *h, struct ev_loop *loop, int idle_s, void (*on_ended)(void *ud, CURL *easy, CURLcode code),
             void *ud, struct err *e)
{
    *h = (struct hub){.loop = loop, .on_ended = on_ended, .ud = ud, .idle_s = idle_s};
    ev_prepare_init(&h->before_sleep, on_before_sleep);
    ev_set_priority(&h->before_sleep, EV_MAXPRI); /* what it leads to is looked after before the sleep too */
    ev_init(&h->awake, on_awake);
    h->before_sleep.data = h->awake.data = h;
    if (sockets_init(&h->sockets, loop, on_ready, e) != 0)
        return -1;
    h->spokes[0] = spoke_new(h);
    if (h->spokes[0] != NULL)
        return 0;
    sockets_fini(&h->sockets);
    return err_memory(e);
}

void hub_fini(struct hub *h)
{
    for (size_t i = 0; i < HUB_SPOKES; i++)
        spoke_free(h->spokes[i]);
    ev_prepare_stop(h->loop, &h->before_sleep);
    ev_timer_stop(h->loop, &h->awake);
    sockets_fini(&h->sockets);
}

bool hub_adopt(struct hub *h, CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, h) == CURLE_OK;
}

/* The first from its own on that has room; when none has, the one with the fewest. */
static struct spoke *choose(struct hub *h, size_t place)
{
    struct spoke *fewest = h->spokes[0];
    for (size_t i = 0; i < HUB_SPOKES; i++) {
        struct spoke **s = &h->spokes[(place + i) % HUB_SPOKES];
        if (*s == NULL)
            *s = spoke_new(h);
        if (*s != NULL && (*s)->transfers < HUB_FILL)
            return *s;
        if (*s != NULL && (*s)->transfers < fewest->transfers)
            fewest = *s;
    }
    return fewest;
}

struct spoke *hub_add(struct hub *h, size_t place, CURL *easy)
{
    struct spoke *s = choose(h, place);
    if (curl_multi_add_handle(s->multi, easy) != CURLM_OK)
        return NULL;
    s->transfers++;
    return s;
}

void hub_remove(struct spoke *s, CURL *easy)
{
    curl_multi_remove_handle(s->multi, easy);
    if (--s->transfers > 0)
        return;
    s->ended_s = ev_now(s->hub->loop);
    if (!ev_is_active(&s->expiry)) {
        ev_timer_set(&s->expiry, s->hub->idle_s, 0.);
        ev_timer_start(s->hub->loop, &s->expiry);
    }
}
