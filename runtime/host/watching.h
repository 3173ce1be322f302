/*
 * watching: the scripts are loaded anew when their files change: what the eye (script/watch.h) sees is let settle for a
 * moment, then compared by content.
 */
#ifndef ANZOL_HOST_WATCHING_H
#define ANZOL_HOST_WATCHING_H

#include "host/reload.h"
#include "script/watch.h"

#include <ev.h>

struct watching {
    struct env *env;
    struct reload *reload;
    struct ev_loop *loop;
    struct watch *watch; /* NULL: nothing is watched */
    struct ev_io readable;
    struct timer settled;
    int64_t first_ns; /* the oldest change that was not looked at; 0: none */
    int put_off;      /* loads that were not used because changes went on */
    bool blind;       /* something cannot be watched: looked at every now and then instead */
};

/* Watches the paths of the scripts. -1: this system has no inotify for us. */
int watching_start(struct watching *w, struct reload *r, struct ev_loop *loop, struct err *e);
/* A load has ended: it may have looked for other files. `read`: it got as far as reading them. */
void watching_set(struct watching *w, bool read);
/* Whether files have changed that nobody looked at: what was read may be half of what is being written. Not for ever:
 * in the end what is written without a pause is loaded as it is. Not started is fine. */
bool watching_unsettled(struct watching *w);
/* Not started is fine. */
void watching_stop(struct watching *w);

#endif
