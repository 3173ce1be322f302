/*
 * transport: makes the HTTP exchanges, on libcurl multi handles driven by libev.
 *
 * Through `struct transport` the host reaches whatever makes exchanges: the real one here, a simulated one in tests. An
 * exchange is the caller's memory until its `done`; `done` is called exactly once, on the loop, never from inside
 * transport_start(). Secrets are filled in when the exchange starts and wiped when it ends.
 */
#ifndef ANZOL_NET_TRANSPORT_H
#define ANZOL_NET_TRANSPORT_H

#include "core/attempt.h"
#include "core/err.h"
#include "core/request.h"

struct ev_loop;
struct secrets;

struct exchange {
    /* In. */
    struct bytes request; /* core/request.h, valid until done */
    void (*done)(struct exchange *x);
    /* Out. The caller attempt_init()s it before and attempt_fini()s it after. Header and body text are masked. */
    struct attempt attempt;
    void *state; /* the transport's */
};

struct transport {
    void (*start)(struct transport *t, struct exchange *x);
    void (*cancel)(struct transport *t, struct exchange *x); /* no done */
    void (*free)(struct transport *t);
};

struct transport_options {
    struct ev_loop *loop;
    const struct secrets *secrets;
    size_t body_cap;          /* bytes of a response body kept; 0: 256 KiB */
    int idle_s;               /* for so long a connection is kept for the next request; 0: 30 */
    const char *ca_file;      /* NULL: the system's; for tests */
    int64_t (*wall_ms)(void); /* NULL: the system clock */
    const char *divert; /* "127.0.0.1:8021": every request goes there instead, in plain HTTP; NULL: where it should */
};

struct transport *transport_new(const struct transport_options *o, struct err *e);

static inline void transport_start(struct transport *t, struct exchange *x)
{
    t->start(t, x);
}
static inline void transport_cancel(struct transport *t, struct exchange *x)
{
    t->cancel(t, x);
}
static inline void transport_free(struct transport *t)
{
    if (t != NULL)
        t->free(t);
}

#endif
