/* A call that waits for its answer: suspended, or held (net/httpd.h). */
#include "net/call.h"

enum { HELD_MAX = 256 /* each costs some 250 instructions in each run of libmicrohttpd */ };

void call_suspend(struct api_call *c)
{
    c->suspended = true;
    MHD_suspend_connection(c->connection);
}

void call_await(struct api_call *c)
{
    if (!c->brief || c->server->httpd.held == HELD_MAX) {
        call_suspend(c);
        return;
    }
    c->held = true;
    c->server->httpd.held++;
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
