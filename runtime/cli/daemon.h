/*
 * daemon: what `anzol run`, `anzol dev` and `anzol repl` share: their options, the loop, the signals.
 */
#ifndef ANZOL_CLI_DAEMON_H
#define ANZOL_CLI_DAEMON_H

#include "cli/cli.h"
#include "host/host.h"

enum { DAEMON_OPTIONS = 8 };

struct daemon_options {
    const char *state, *listen, *ca_file, *keep, *log_level, *log_format;
    bool watch;
    /* No options, but the command's: as in struct host_options. */
    bool alone;
    const char *secret_placeholder, *divert;
    struct cli_texts env_files;
    const char *const *paths;
    size_t path_count;
};

/* Defaults in `o`, and the options that they take in `out`. */
void daemon_options_init(struct daemon_options *o, struct cli_option out[DAEMON_OPTIONS]);

struct daemon_hooks {                              /* each may be NULL */
    int (*before)(void *ud, struct ev_loop *loop); /* exit code, or 0 */
    void (*ready)(void *ud, const struct host *h);
    void (*after)(void *ud);
    bool hangup_ends; /* it lives on its terminal and ends with it */
    void *ud;
};

/* Runs until a signal ends it; the exit code. SIGTERM and SIGINT drain, a second one ends at once. */
int daemon_run(const struct daemon_options *o, const char *command, const struct daemon_hooks *hooks);

#endif
