#include "cli/daemon.h"

#include "core/image.h"
#include "core/log.h"
#include "core/units.h"

#include <ev.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const double SETTLED_S = 1; /* after the start, whose first requests want the pages that it has touched */
static const int64_t KEEP_DEFAULT_MS = 30LL * 24 * 3600 * MS_PER_S;

static const char *const levels[] = {"debug", "info", "warn", "error"};
static const char *const formats[] = {"text", "json"};

void daemon_options_init(struct daemon_options *o, struct cli_option out[DAEMON_OPTIONS])
{
    *o = (struct daemon_options){.state = cli_default_state(), .listen = "127.0.0.1:8020"};
    const struct cli_option all[DAEMON_OPTIONS] = {
        CLI_STATE(&o->state),
        {.name = "listen", .letter = 'l', .text = &o->listen},
        {.name = "env-file", .texts = &o->env_files},
        {.name = "watch", .letter = 'w', .flag = &o->watch},
        {.name = "keep", .text = &o->keep},
        {.name = "ca-file", .text = &o->ca_file},
        {.name = "log-level", .text = &o->log_level},
        {.name = "log-format", .text = &o->log_format},
    };
    memcpy(out, all, sizeof all);
}

/* "0" keeps for ever, which no duration says. */
static int read_keep(const char *text, int64_t *ms)
{
    *ms = KEEP_DEFAULT_MS;
    return text == NULL || units_parse_duration(bytes_of(text), ms) == 0 ? 0 : -1;
}

static int check(const struct daemon_options *o, const char *command, int64_t *keep_ms)
{
    if (o->log_level != NULL && !cli_one_of(command, "log-level", o->log_level, levels, sizeof levels / sizeof *levels))
        return EXIT_USAGE;
    if (o->log_format != NULL &&
        !cli_one_of(command, "log-format", o->log_format, formats, sizeof formats / sizeof *formats))
        return EXIT_USAGE;
    if (read_keep(o->keep, keep_ms) != 0)
        return cli_misuse(command, "--keep: found '%s'; expected a duration such as 30d or 12h, or 0 for ever",
                          o->keep);
    return EXIT_OK;
}

struct daemon {
    struct host *host;
    struct log log;
    struct ev_signal term, interrupt, hangup;
    struct ev_timer settled;
};

static void on_settled(struct ev_loop *loop, struct ev_timer *w, int events)
{
    (void)loop, (void)w, (void)events;
    image_let_go();
}

static void on_stop(struct ev_loop *loop, struct ev_signal *w, int events)
{
    (void)loop, (void)events;
    struct daemon *d = w->data;
    host_stop(d->host);
}

static void on_hangup(struct ev_loop *loop, struct ev_signal *w, int events)
{
    (void)loop, (void)events;
    struct daemon *d = w->data;
    host_reload(d->host, "SIGHUP");
}

static void start_signals(struct daemon *d, struct ev_loop *loop, bool hangup_ends)
{
    ev_signal_init(&d->term, on_stop, SIGTERM);
    ev_signal_init(&d->interrupt, on_stop, SIGINT);
    ev_signal_init(&d->hangup, hangup_ends ? on_stop : on_hangup, SIGHUP);
    d->term.data = d->interrupt.data = d->hangup.data = d;
    ev_signal_start(loop, &d->term);
    ev_signal_start(loop, &d->interrupt);
    ev_signal_start(loop, &d->hangup);
}

static void stop_signals(struct daemon *d, struct ev_loop *loop)
{
    ev_signal_stop(loop, &d->term);
    ev_signal_stop(loop, &d->interrupt);
    ev_signal_stop(loop, &d->hangup);
    (void)signal(SIGHUP, SIG_IGN); /* the end is near: nothing is cut short */
}

/* One that comes while the daemon starts would end it; it is obeyed when it can be. Threads that are made meanwhile
 * never get one. */
static void hold_hangup(int how)
{
    sigset_t hangup;
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    (void)pthread_sigmask(how, &hangup, NULL);
}

static void open_log(struct daemon *d, const struct daemon_options *o)
{
    log_init(&d->log, STDERR_FILENO);
    for (size_t i = 0; o->log_level != NULL && i < sizeof levels / sizeof *levels; i++)
        if (strcmp(o->log_level, levels[i]) == 0)
            d->log.level = (enum log_level)i;
    if (o->log_format != NULL)
        d->log.format = strcmp(o->log_format, "json") == 0 ? LOG_JSON : LOG_TEXT;
}

static int start_host(struct daemon *d, const struct daemon_options *o, int64_t keep_ms, const char *command,
                      struct ev_loop *loop)
{
    struct host_options h = {
        .loop = loop,
        .state = o->state,
        .listen = o->listen,
        .paths = o->paths,
        .path_count = o->path_count,
        .env_files = o->env_files.items,
        .env_file_count = o->env_files.count,
        .alone = o->alone,
        .watch = o->watch,
        .keep_ms = keep_ms,
        .ca_file = o->ca_file,
        .secret_placeholder = o->secret_placeholder,
        .divert = o->divert,
        .log = &d->log,
    };
    struct err e;
    err_clear(&e);
    d->host = host_start(&h, &e);
    if (d->host != NULL)
        return 0;
    return cli_fail(command, &e);
}

static int serve(struct daemon *d, const struct daemon_options *o, int64_t keep_ms, const char *command,
                 const struct daemon_hooks *hooks, struct ev_loop *loop)
{
    hold_hangup(SIG_BLOCK);
    int code = start_host(d, o, keep_ms, command, loop);
    if (code != 0)
        return code;
    start_signals(d, loop, hooks != NULL && hooks->hangup_ends);
    hold_hangup(SIG_UNBLOCK);
    if (hooks != NULL && hooks->ready != NULL)
        hooks->ready(hooks->ud, d->host);
    ev_now_update(loop); /* the start may have taken longer than that */
    ev_timer_init(&d->settled, on_settled, SETTLED_S, 0);
    ev_timer_start(loop, &d->settled);
    ev_run(loop, 0);
    ev_timer_stop(loop, &d->settled);
    stop_signals(d, loop);
    host_free(d->host);
    return 0;
}

int daemon_run(const struct daemon_options *o, const char *command, const struct daemon_hooks *hooks)
{
    struct daemon d = {0};
    int64_t keep_ms;
    int code = check(o, command, &keep_ms);
    if (code != EXIT_OK)
        return code;
    struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
    if (loop == NULL) {
        cli_say(command, "the event loop does not start");
        return EXIT_FAILED;
    }
    open_log(&d, o);
    code = hooks != NULL && hooks->before != NULL ? hooks->before(hooks->ud, loop) : 0;
    if (code == 0)
        code = serve(&d, o, keep_ms, command, hooks, loop);
    if (hooks != NULL && hooks->after != NULL)
        hooks->after(hooks->ud);
    log_fini(&d.log);
    ev_loop_destroy(loop);
    return code;
}
