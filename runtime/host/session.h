/*
 * session: one attached person, as sessions.c (lines), session_clone.c (the scripts), session_ops.c (what lines ask
 * for) and tracing.c (exchanges as they happen) see it.
 */
#ifndef ANZOL_HOST_SESSION_H
#define ANZOL_HOST_SESSION_H

#include "host/sessions.h"
#include "script/console.h"

struct session_request { /* eval or complete, not begun yet */
    struct session_request *next;
    int64_t id;
    bool completes;
    int width;
    bool json;
    size_t cursor;
    size_t len;
    char code[];
};

struct tracing { /* the exchanges of a webhook, or of all, gathered for the line that asks for them */
    bool on;
    bool waits;           /* for the next one */
    struct bytes webhook; /* allocated; empty: all */
    struct trace_entry *first, **end;
    size_t count, bytes, missed;
};

struct session {
    struct session *next;
    struct sessions *all;
    struct control_client *client; /* NULL: it has gone, and waits for its build to end */
    struct control_peer peer;
    struct console *console; /* NULL: not built yet */
    uint64_t number;         /* of the scripts that it is a clone of */
    struct build build;
    bool reloads;              /* what comes of the reload under way it learns as its answer */
    bool building, failed;     /* failed: the clone could not be made */
    struct generation *cloned; /* whose text is being built */
    struct buf kept;           /* variables, on the way into the next console */
    struct session_request *queue, **queue_end;
    size_t left_out;       /* bytes of what it printed, that were too many */
    int64_t running;       /* id of the line that is run; 0: none */
    struct asking *asking; /* what it waits for; NULL: nothing */
    struct timer go;       /* its next slice */
    struct console_said said;
    struct tracing tracing;
};

/* --- session_ops.c */
/* Something that a line has asked for; answered once, by asking_answer(). */
struct asking {
    struct session *session; /* NULL: nobody waits any more */
    struct sessions *all;
    struct timer timer;
    const char *op;    /* what is asked for */
    struct lane *lane; /* of drain */
    bool ours;         /* nobody else will answer it: a timer, or the tracing */
};
/* Does what the line asks; the session is answered at once or later. -1: memory. */
int session_ask(struct session *s, struct bytes op, struct bytes args);
/* The line has ended: whatever comes of it is not wanted. */
void asking_leave(struct asking *q);
/* Frees it, and lets the line go on. */
void asking_answer(struct asking *q, bool ok, struct bytes text);

/* --- session_clone.c */
/* Has a clone of the scripts of now made: s->building, or s->failed. */
void session_build(struct session *s);
/* Forgets a build that the builder does not have any more. */
void session_drop_build(struct session *s);
/* Ends the console, and keeps what can be carried over into the next. None is fine. */
void session_leave_console(struct session *s);

/* --- sessions.c */
/* There is something to do for it: in a turn of its own, so that many short lines hold up nobody either. */
void session_go_soon(struct session *s);
/* Ends all requests that have not begun. `text` may be NULL. */
void session_end_queue(struct session *s, enum control_end how, const char *text);
/* What its line prints; `ud` is the session. */
void session_text(void *ud, struct bytes text);
void session_free(struct session *s);
void session_answered(struct session *s, bool ok, struct bytes text);

/* --- tracing.c */
/* Gathers from here on; answers what the session asks as soon as there is one. -1: memory. */
int tracing_ask(struct session *s, struct bytes webhook);
void tracing_end(struct session *s);
void tracing_fini(struct tracing *t);

#endif
