/*
 * sessions: the people who are attached to the control socket. Each has a console in a clone of the scripts, and one
 * line at a time, which is run in slices between everything else; further ones wait behind it. When scripts are loaded
 * anew, a session moves to a clone of these once its line has ended, with the variables that can be carried over.
 */
#ifndef ANZOL_HOST_SESSIONS_H
#define ANZOL_HOST_SESSIONS_H

#include "host/api.h"
#include "host/builder.h"
#include "net/control.h"

struct session;

struct sessions {
    struct env *env;
    struct api *api;
    struct builder *builder;
    struct control *control;
    struct session *first;
    bool alone;    /* nobody else uses this daemon: the log need not say who did what */
    bool stopping; /* nothing is begun any more */
    size_t asking; /* what lines have asked the host for and was not answered yet, those gone too */
};

/* Listens on folder/control. */
int sessions_start(struct sessions *s, struct ev_loop *loop, const char *folder, struct err *e);
/* Tells what came of a reload. */
void sessions_reloaded(struct sessions *s, const struct reload_result *r);
/* Ends all lines, and says why. */
void sessions_stop(struct sessions *s);
/* Closes all. */
void sessions_close(struct sessions *s);
/* After the builder has stopped. */
void sessions_fini(struct sessions *s);

#endif
