/* A call that waits for its answer: suspended, or held (net/httpd.h). */
#include "net/call.h"

enum { HELD_MAX = 256 /* each costs some 250 instructions in each run of libmicrohttpd */ };

/* The disk does not answer: from here on a call costs nothing, and libmicrohttpd does not end it as idle. */
#define HELD_S 1.

void call_suspend(struct api_call *c)
{
    c->suspended = true;
    MHD_suspend_connection(c->connection);
}

static bool may_be_held(const struct api_call *c)
{
    if (c->held)
        return ev_now(c->server->httpd.loop) - c->held_at < HELD_S;
    return c->brief && c->server->httpd.held < HELD_MAX;
}

static void hold(struct api_call *c)
{
    c->held = true;
    c->held_at = ev_now(c->server->httpd.loop);
    c->server->httpd.held++;
}

void call_await(struct api_call *c)
{
    if (!may_be_held(c)) {
        call_release(c);
        call_suspend(c);
    } else if (!c->held)
        hold(c);
}

void call_release(struct api_call *c)
{
    c->server->httpd.held -= c->held;
    c->held = false;
}

void call_resume(struct api_call *c)
{
    if (!c->suspended && !c->held)
        return;
    if (c->suspended)
        MHD_resume_connection(c->connection);
    c->suspended = false;
    call_release(c);
    httpd_kick(&c->server->httpd);
}
