/*
 * host: owns every subsystem, and the only order in which they start and stop: folder, secrets, scripts, store,
 * transport, server, consoles; then deliveries and runs begin. Everything runs on one loop; the store and the builder
 * of scripts have threads of their own.
 */
#ifndef ANZOL_HOST_HOST_H
#define ANZOL_HOST_HOST_H

#include "core/buf.h"
#include "core/err.h"
#include "core/log.h"

struct ev_loop;
struct host;

struct host_options { /* what it points to stays as long as the host */
    struct ev_loop *loop;
    const char *state;        /* folder */
    const char *listen;       /* "127.0.0.1:8020" */
    const char *const *paths; /* scripts */
    size_t path_count;
    const char *const *env_files;
    size_t env_file_count;
    bool alone;          /* for one person's console: the log does not say that it is ready, and who did what */
    bool watch;          /* load the scripts anew when their files change */
    int64_t keep_ms;     /* retention of finished deliveries; 0: for ever */
    const char *ca_file; /* NULL: the system's */
    const char *secret_placeholder; /* in the place of secrets that are not set; NULL: they must be */
    const char *divert;             /* where every request goes instead; NULL: where it should */
    struct log *log;                /* the caller's; outlives the host */
};

/*
 * Loads, opens, recovers, listens. NULL: `e` says why (ERR_SCRIPT: the scripts do not load, each mistake is on stderr
 * already). From here the host works whenever the loop runs.
 */
struct host *host_start(const struct host_options *o, struct err *e);
/*
 * Loads the scripts anew, while everything goes on. They take the place of the old ones in one step, or, when there is
 * a mistake in them, not at all; the log says which. `by`: who asks, for the log.
 */
void host_reload(struct host *h, const char *by);
/*
 * Begins to stop: no new call, no new attempt; what is in flight ends and is recorded, then the loop is broken. A
 * second call ends what is in flight at once.
 */
void host_stop(struct host *h);
/* Tears down in order. After the loop has returned, or at once: what is acknowledged is in the store. NULL is fine. */
void host_free(struct host *h);

const char *host_address(const struct host *h);
/* Masks the scripts' private values in place: for those who show what was sent. */
void host_mask(const struct host *h, char *data, size_t len);

#endif
