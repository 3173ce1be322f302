#include "cli/daemon.h"
#include "cli/listen_print.h"
#include "cli/statuses.h"
#include "core/outlet.h"
#include "core/units.h"
#include "net/receiver.h"

#include <errno.h>
#include <ev.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] = "anzol dev scripts                         the daemon and a receiver, on this terminal\n"
                           "anzol dev scripts --status 503,200        the receiver refuses the first request\n"
                           "anzol dev scripts --emit order.paid --data order.json\n"
                           "\n"
                           "What to start with: runs the scripts, receives what they send on 127.0.0.1:8021 and shows "
                           "both sides. What you save\n"
                           "is in force a moment later.\n"
                           "\n"
                           "  PATH…                   scripts: files, or folders of *.lua\n"
                           "      --receiver ADDRESS  where the receiver listens (default 127.0.0.1:8021)\n"
                           "      --status LIST       what it answers in turn, the last from then on (default 200)\n"
                           "      --delay DURATION    before each of its answers\n"
                           "      --emit EVENT        an event to send once everything runs\n"
                           "      --data FILE         its data (JSON)\n"
                           "  -h, --help              and all options of 'anzol run'\n";

enum { OWN_OPTIONS = 5 };

/* With --emit the invitation waits for the end of the example: the last status was answered, or it takes too long. */
#define INVITE_AFTER_LAST_S 0.5
#define INVITE_AFTER_EMIT_S 10.0
#define SHOW_AGAIN_S        0.05
static const int64_t LAST_WORDS_NS = NS_PER_S;

struct dev {
    struct daemon_options daemon;
    const char *receiver_listen, *status, *event, *data;
    struct statuses statuses;
    struct listen_print print;
    FILE *out; /* into `text`, which goes to `screen` */
    char *text;
    size_t text_len, left_out;
    struct outlet screen;
    struct ev_timer again;
    int64_t delay_ms;
    struct receiver *receiver;
    struct ev_loop *loop;
    const struct host *host; /* NULL while it starts */
    struct buf masked;
    struct ev_child emitted;
    struct ev_timer invite; /* prints the invitation, once */
};

/* --- what it shows ----------------------------------------------------------------------------------------------- */

/* Passes on what was printed to `out`, as far as somebody takes it. The rest goes when there is more, or in a moment.
 */
static void show(struct dev *d)
{
    struct buf text;
    buf_init(&text);
    d->left_out += outlet_push(&d->screen);
    if (d->left_out > 0 && outlet_state(&d->screen) == OUTLET_EMPTY) {
        buf_printf(&text, "(%zu lines that nobody read are not shown)\n", d->left_out);
        d->left_out = 0;
    }
    if (fflush(d->out) == 0)
        buf_append(&text, d->text, d->text_len);
    rewind(d->out);
    d->left_out += outlet_write(&d->screen, &text);
    buf_fini(&text);
    if (outlet_state(&d->screen) == OUTLET_LEFT && !ev_is_active(&d->again))
        ev_timer_start(d->loop, &d->again);
}

static void on_again(struct ev_loop *loop, struct ev_timer *w, int events)
{
    (void)events;
    ev_timer_stop(loop, w);
    ev_timer_set(w, SHOW_AGAIN_S, 0.);
    show(w->data);
}

/* A terminal or a pager that is not read must not hold up the daemon. */
static int start_screen(struct dev *d)
{
    d->out = open_memstream(&d->text, &d->text_len);
    if (d->out == NULL)
        return -1;
    outlet_init(&d->screen, STDOUT_FILENO);
    ev_timer_init(&d->again, on_again, SHOW_AGAIN_S, 0.);
    d->again.data = d;
    d->print.out = d->out;
    return 0;
}

static void stop_screen(struct dev *d)
{
    if (d->out == NULL)
        return;
    ev_timer_stop(d->loop, &d->again);
    (void)outlet_drain(&d->screen, LAST_WORDS_NS);
    outlet_fini(&d->screen);
    fclose(d->out);
    free(d->text);
}

static void print_invitation(struct dev *d)
{
    fprintf(d->out, "Send an event of your own:\n\n");
    fprintf(d->out, "  curl http://%s/v1/events -H \"Authorization: Bearer $(cat %s/token)\" \\\n",
            host_address(d->host), d->daemon.state);
    const char *event = d->event != NULL ? d->event : "EVENT";
    if (d->data != NULL)
        fprintf(d->out,
                "    -H 'Content-Type: application/json' -d '{\"name\": \"%s\", \"data\": '\"$(cat %s)\"'}'\n\n", event,
                d->data);
    else
        fprintf(d->out, "    -H 'Content-Type: application/json' -d '{\"name\": \"%s\", \"data\": {}}'\n\n", event);
    show(d);
}

static void on_invite(struct ev_loop *loop, struct ev_timer *w, int events)
{
    (void)loop;
    (void)events;
    print_invitation(w->data);
}

/* Brings forward an invitation that is to come. */
static void invite_in(struct dev *d, double seconds)
{
    if (!ev_is_active(&d->invite))
        return;
    ev_timer_stop(d->loop, &d->invite);
    ev_timer_set(&d->invite, seconds, 0.);
    ev_timer_start(d->loop, &d->invite);
}

/* Appends `text` to `b` with private values masked, and a NUL. Its offset. */
static size_t append_masked(const struct dev *d, struct buf *b, struct bytes text)
{
    size_t at = b->len;
    if (buf_append_bytes(b, text) == 0 && d->host != NULL)
        host_mask(d->host, b->data + at, text.len);
    buf_append_char(b, '\0');
    return at;
}

/* What the receiver got, between the lines of the log: a terminal, and the files it is piped into, are no place for
 * private values. */
static void on_request(void *ud, const struct receiver_request *r)
{
    struct dev *d = ud;
    struct receiver_request shown = *r;
    struct buf *b = &d->masked;
    buf_clear(b);
    size_t path = append_masked(d, b, bytes_of(r->path));
    size_t headers = append_masked(d, b, bytes_of(r->headers));
    size_t body = append_masked(d, b, r->body);
    if (!buf_failed(b)) {
        shown.path = b->data + path;
        shown.headers = b->data + headers;
        shown.body = (struct bytes){b->data + body, r->body.len};
        fputs("received ", d->out);
        listen_print_request(&d->print, &shown, d->delay_ms);
        show(d);
    }
    if (r->number == (d->statuses.count > 0 ? d->statuses.count : 1))
        invite_in(d, INVITE_AFTER_LAST_S);
}

static int start_receiver(void *ud, struct ev_loop *loop)
{
    struct dev *d = ud;
    struct err e;
    d->loop = loop;
    ev_timer_init(&d->invite, on_invite, INVITE_AFTER_EMIT_S, 0.);
    d->invite.data = d;
    buf_init(&d->masked);
    listen_print_init(&d->print, false);
    if (start_screen(d) != 0) {
        cli_say("dev", "%s", strerror(errno));
        return EXIT_FAILED;
    }
    struct receiver_options o = {
        .loop = loop,
        .listen = d->receiver_listen,
        .statuses = d->statuses.items,
        .status_count = d->statuses.count,
        .delay_ms = d->delay_ms,
        .on_request = on_request,
        .ud = d,
    };
    d->receiver = receiver_new(&o, &e);
    if (d->receiver != NULL)
        return 0;
    return cli_fail("dev", &e);
}

static void stop_receiver(void *ud)
{
    struct dev *d = ud;
    ev_timer_stop(d->loop, &d->invite);
    receiver_free(d->receiver);
    stop_screen(d);
    buf_fini(&d->masked);
    listen_print_fini(&d->print);
}

static void on_emitted(struct ev_loop *loop, struct ev_child *w, int events)
{
    (void)events;
    struct dev *d = w->data;
    ev_child_stop(loop, w);
    if (WIFEXITED(w->rstatus) && WEXITSTATUS(w->rstatus) == 0)
        return;
    fputs("anzol dev: the event was not accepted\n", d->out);
    show(d);
    invite_in(d, INVITE_AFTER_LAST_S);
}

/* Never returns. */
static void become_emit(const struct dev *d)
{
    char self[4096];
    const char *args[] = {"anzol", "emit", d->event, "--state", d->daemon.state, d->data == NULL ? NULL : "--data",
                          d->data, NULL};
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1); /* its own name: under valgrind they differ */
    self[len < 0 ? 0 : len] = '\0';
    execv(self, (char *const *)args);
    execv("/proc/self/exe", (char *const *)args); /* the file was replaced meanwhile */
    _exit(127);
}

/* The event goes the way a user's would: through the command, over HTTP. */
static void emit(struct dev *d)
{
    fprintf(d->out, "$ anzol emit %s%s%s --state %s\n", d->event, d->data != NULL ? " --data " : "",
            d->data != NULL ? d->data : "", d->daemon.state);
    show(d);
    pid_t pid = fork();
    if (pid == 0)
        become_emit(d);
    if (pid < 0) {
        cli_say("dev", "cannot start the command that emits: %s", strerror(errno));
        print_invitation(d);
        return;
    }
    ev_child_init(&d->emitted, on_emitted, pid, 0);
    d->emitted.data = d;
    ev_child_start(d->loop, &d->emitted);
    ev_timer_start(d->loop, &d->invite);
}

static void greet(void *ud, const struct host *h)
{
    struct dev *d = ud;
    d->host = h;
    fprintf(d->out, "\nanzol listens on http://%s, its receiver on http://%s. Ctrl-C ends both.\n\n", host_address(h),
            receiver_address(d->receiver));
    show(d);
    if (d->event != NULL)
        emit(d);
    else
        print_invitation(d);
}

static int parse(struct dev *d, int argc, char **argv)
{
    struct cli_option options[DAEMON_OPTIONS + OWN_OPTIONS];
    const struct cli_option own[OWN_OPTIONS] = {
        {.name = "receiver", .text = &d->receiver_listen},
        {.name = "status", .text = &d->status},
        {.name = "delay", .ms = &d->delay_ms},
        {.name = "emit", .text = &d->event},
        {.name = "data", .text = &d->data},
    };
    daemon_options_init(&d->daemon, options);
    d->daemon.watch = true;
    memcpy(options + DAEMON_OPTIONS, own, sizeof own);
    const struct cli_line line = {
        .command = "dev",
        .help = help,
        .operands = "PATH…",
        .operands_min = 1,
        .operands_max = -1,
        .options = options,
        .option_count = DAEMON_OPTIONS + OWN_OPTIONS,
    };
    int code = cli_parse(&line, argc, argv);
    d->daemon.paths = (const char *const *)&argv[optind];
    d->daemon.path_count = (size_t)(argc - optind);
    return code >= 0 ? code : statuses_parse(&d->statuses, "dev", d->status);
}

int command_dev(int argc, char **argv)
{
    struct dev d = {.receiver_listen = "127.0.0.1:8021"};
    int code = parse(&d, argc, argv);
    if (code >= 0)
        return code;
    struct daemon_hooks hooks = {
        .before = start_receiver, .ready = greet, .after = stop_receiver, .hangup_ends = true, .ud = &d};
    return daemon_run(&d.daemon, "dev", &hooks);
}
