/*
 * control_client: one who is attached to the control socket: what was read and makes no line yet, what was not sent
 * yet, which requests are open. Shared by control.c (who may come), control_client.c (its life) and control_answer.c
 * (what it is told); nobody else's business.
 *
 * Its life: attached, while it has a session. Then it has gone; or it was told a problem, and lingers a moment in which
 * what it still sends is forgotten, so that it can read the problem. One that has shut down its side of the connection
 * stays attached until its requests are answered.
 */
#ifndef ANZOL_NET_CONTROL_CLIENT_H
#define ANZOL_NET_CONTROL_CLIENT_H

#include "core/json_write.h"
#include "core/pulse.h"
#include "net/control.h"
#include "net/control_socket.h"

#include <ev.h>

struct control {
    struct ev_loop *loop;
    const struct control_ops *ops;
    void *ud;
    struct control_socket socket;
    struct ev_io coming;
    struct ev_timer pause;          /* until others are accepted again */
    struct control_client *clients; /* attached or lingering */
    size_t count;
    struct control_client *gone; /* closed; callers further up the stack may still hold them */
    int depth;                   /* of those callers */
    enum phase before;           /* the first of them came */
    bool freed;
};

struct open_request {
    int64_t id;
    size_t size;
};

struct control_client {
    struct control *control;
    struct control_client *next, **link; /* among the clients, or those gone */
    struct ev_io io;
    struct ev_timer timer; /* to look whether it is still there, to stop lingering, or to close it */
    void *session;         /* NULL: the hello is not written yet, or it is not attached any more */
    struct buf in;         /* the beginning of a line */
    struct buf out;
    size_t sent; /* of `out` */
    struct open_request open[CONTROL_OPEN_MAX];
    size_t open_count, open_bytes;
    bool has_ended; /* it sends nothing more */
    bool failed;    /* to be closed as soon as nobody holds it */
    bool closed;
};

/* --- control.c: whatever calls the ops stands between the two, so that the ops may free everything */
void control_enter(struct control *c);
void control_leave(struct control *c);

/* --- control_client.c */
/* Takes `fd`. NULL: memory is short. */
struct control_client *control_client_new(struct control *control, int fd);
/* Tells it, ends the session, and lingers. */
void control_client_problem(struct control_client *c, const struct err *e);
/* Ends the session, closes the connection; for control_leave() to free. */
void control_client_close(struct control_client *c);
/* Something was added to `out`: keeps it within its bound and has it sent. */
void control_client_send(struct control_client *c);
/* Removes a request from the open ones. False: it is none. */
bool control_client_answered(struct control_client *c, int64_t id);
bool control_client_is_open(const struct control_client *c, int64_t id);
/* It may ask, and can be answered. */
bool control_client_listens(const struct control_client *c);

/* --- control_answer.c */
void control_answer_problem(struct buf *out, const struct err *e);
/* A request that never was open. */
void control_answer_refuse(struct control_client *c, int64_t id, const struct err *e);

#endif
