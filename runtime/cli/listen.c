#include "cli/cli.h"
#include "cli/listen_print.h"
#include "cli/statuses.h"
#include "net/receiver.h"

#include <ev.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "anzol listen                                       prints what it gets, answers 200\n"
                           "anzol listen --status 503,503,200                  in turn, the last from then on\n"
                           "anzol listen --status 429,200 --header 'Retry-After: 2'\n"
                           "anzol listen --delay 2s --count 3                  slowly, and ends after three\n"
                           "\n"
                           "A receiver to try webhooks on.\n"
                           "\n"
                           "  -l, --listen ADDRESS    where (default 127.0.0.1:8021; port 0: any)\n"
                           "      --status LIST       what it answers (default 200)\n"
                           "      --delay DURATION    before each answer\n"
                           "      --close             closes the connection instead of answering\n"
                           "      --header LINE       of each answer, as 'Name: value'; may be given again\n"
                           "      --body TEXT         of each answer (default {\"ok\":true,\"number\":N})\n"
                           "      --count N           ends after N requests\n"
                           "      --quiet             counts only\n"
                           "      --json              one JSON line a request\n"
                           "  -h, --help\n";

/* The last request is answered before the process ends. */
static const double LAST_WORDS_S = 0.1;

struct listen {
    const char *address, *status, *body;
    struct cli_texts headers;
    int count;
    int64_t delay_ms;
    bool close, quiet, json;
    struct statuses statuses;

    struct ev_loop *loop;
    struct receiver *receiver;
    struct listen_print print;
    struct ev_signal term, interrupt;
    struct ev_prepare flush;
    struct ev_timer last;
    int code;
};

/* --- what the options say -------------------------------------------------------------------------------------- */

static int check_headers(const struct listen *o)
{
    for (size_t i = 0; i < o->headers.count; i++) {
        const char *line = o->headers.items[i];
        size_t name = strcspn(line, ": \t");
        if (name == 0 || line[name] != ':' || strpbrk(line, "\r\n") != NULL)
            return cli_misuse("listen", "--header: found '%s'; expected 'Name: value', as in 'Retry-After: 2'", line);
    }
    return -1;
}

/* --- the loop -------------------------------------------------------------------------------------------------- */

static void on_request(void *ud, const struct receiver_request *r)
{
    struct listen *o = ud;
    if (!o->quiet)
        listen_print_request(&o->print, r, o->delay_ms);
    if (o->count > 0 && r->number == (uint64_t)o->count)
        ev_timer_start(o->loop, &o->last);
}

static void on_stop(struct ev_loop *loop, struct ev_signal *w, int events)
{
    (void)w, (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static void on_last(struct ev_loop *loop, struct ev_timer *w, int events)
{
    (void)w, (void)events;
    ev_break(loop, EVBREAK_ALL);
}

/* Before the loop sleeps: many requests of one turn are written at once. */
static void on_flush(struct ev_loop *loop, struct ev_prepare *w, int events)
{
    (void)events;
    struct listen *o = w->data;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return;
    o->code = EXIT_FAILED; /* nobody reads any more; cli_main() says what is to be said */
    ev_break(loop, EVBREAK_ALL);
}

static void start_watchers(struct listen *o)
{
    ev_signal_init(&o->term, on_stop, SIGTERM);
    ev_signal_init(&o->interrupt, on_stop, SIGINT);
    ev_prepare_init(&o->flush, on_flush);
    ev_timer_init(&o->last, on_last, (double)o->delay_ms / 1000 + LAST_WORDS_S, 0.);
    o->flush.data = o;
    ev_signal_start(o->loop, &o->term);
    ev_signal_start(o->loop, &o->interrupt);
    ev_prepare_start(o->loop, &o->flush);
}

static void stop_watchers(struct listen *o)
{
    ev_signal_stop(o->loop, &o->term);
    ev_signal_stop(o->loop, &o->interrupt);
    ev_prepare_stop(o->loop, &o->flush);
    ev_timer_stop(o->loop, &o->last);
}

static void print_total(const struct listen *o)
{
    uint64_t n = receiver_count(o->receiver);
    fprintf(o->json ? stderr : stdout, "%" PRIu64 " request%s\n", n, n == 1 ? "" : "s");
}

static int serve(struct listen *o)
{
    struct err e;
    const struct receiver_options r = {
        .loop = o->loop,
        .listen = o->address,
        .statuses = o->statuses.items,
        .status_count = o->statuses.count,
        .delay_ms = o->delay_ms,
        .close = o->close,
        .headers = o->headers.items,
        .header_count = o->headers.count,
        .body = bytes_of(o->body),
        .on_request = o->quiet && o->count == 0 ? NULL : on_request,
        .ud = o,
    };
    err_clear(&e);
    start_watchers(o); /* before the address is printed: from then on signals may come */
    o->receiver = receiver_new(&r, &e);
    if (o->receiver == NULL) {
        cli_say("listen", "%s", e.message);
        o->code = EXIT_FAILED;
    } else {
        cli_say("listen", "listening on http://%s", receiver_address(o->receiver));
        ev_run(o->loop, 0);
        print_total(o);
    }
    receiver_free(o->receiver);
    stop_watchers(o);
    return o->code;
}

static int run(struct listen *o)
{
    o->loop = ev_default_loop(EVFLAG_AUTO);
    if (o->loop == NULL) {
        cli_say("listen", "the event loop does not start");
        return EXIT_FAILED;
    }
    listen_print_init(&o->print, o->json);
    int code = serve(o);
    listen_print_fini(&o->print);
    ev_loop_destroy(o->loop);
    return code;
}

int command_listen(int argc, char **argv)
{
    struct listen o = {.address = "127.0.0.1:8021"};
    const struct cli_option options[] = {
        {.name = "listen", .letter = 'l', .text = &o.address},
        {.name = "status", .text = &o.status},
        {.name = "delay", .ms = &o.delay_ms},
        {.name = "close", .flag = &o.close},
        {.name = "header", .texts = &o.headers},
        {.name = "body", .text = &o.body},
        {.name = "count", .number = &o.count},
        {.name = "quiet", .flag = &o.quiet},
        CLI_JSON(&o.json),
    };
    const struct cli_line line = {
        .command = "listen",
        .help = help,
        .operands = "",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    if (code < 0)
        code = statuses_parse(&o.statuses, "listen", o.status);
    if (code < 0)
        code = check_headers(&o);
    return code < 0 ? run(&o) : code;
}
