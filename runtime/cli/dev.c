#include "cli/daemon.h"
#include "cli/listen_print.h"
#include "cli/statuses.h"
#include "net/receiver.h"

#include <errno.h>
#include <ev.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
    "anzol dev scripts                         the daemon and a receiver, on this terminal\n"
    "anzol dev scripts --status 503,200        the receiver refuses the first request\n"
    "anzol dev scripts --emit order.paid --data order.json\n"
    "\n"
    "What to start with: runs the scripts, receives what they send on 127.0.0.1:8021 and shows both sides.\n"
    "\n"
    "  PATH…                   scripts: files, or folders of *.lua\n"
    "      --receiver ADDRESS  where the receiver listens (default 127.0.0.1:8021)\n"
    "      --status LIST       what it answers in turn, the last from then on (default 200)\n"
    "      --delay DURATION    before each of its answers\n"
    "      --emit EVENT        an event to send once everything runs\n"
    "      --data FILE         its data (JSON)\n"
    "  -h, --help              and all options of 'anzol run'\n";

enum { OWN_OPTIONS = 5 };

struct dev {
    struct daemon_options daemon;
    const char *receiver_listen, *status, *event, *data;
    struct statuses statuses;
    struct listen_print print;
    int64_t delay_ms;
    struct receiver *receiver;
    struct ev_child emitted;
};

/* What the receiver got, between the lines of the log. */
static void on_request(void *ud, const struct receiver_request *r)
{
    struct dev *d = ud;
    fputs("received ", stdout);
    listen_print_request(&d->print, r, d->delay_ms);
    fflush(stdout);
}

static int start_receiver(void *ud, struct ev_loop *loop)
{
    struct dev *d = ud;
    struct err e;
    listen_print_init(&d->print, false);
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
    receiver_free(d->receiver);
    listen_print_fini(&d->print);
}

static void on_emitted(struct ev_loop *loop, struct ev_child *w, int events)
{
    (void)events;
    ev_child_stop(loop, w);
    if (!WIFEXITED(w->rstatus) || WEXITSTATUS(w->rstatus) != 0)
        cli_say("dev", "the event was not accepted");
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
static void emit(struct dev *d, struct ev_loop *loop)
{
    printf("$ anzol emit %s%s%s --state %s\n", d->event, d->data != NULL ? " --data " : "",
           d->data != NULL ? d->data : "", d->daemon.state);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        become_emit(d);
    if (pid < 0) {
        cli_say("dev", "cannot start the command that emits: %s", strerror(errno));
        return;
    }
    ev_child_init(&d->emitted, on_emitted, pid, 0);
    ev_child_start(loop, &d->emitted);
}

static void greet(void *ud, struct ev_loop *loop, const struct host *h)
{
    struct dev *d = ud;
    const char *event = d->event != NULL ? d->event : "EVENT";
    printf("\nanzol listens on http://%s, its receiver on http://%s. Ctrl-C ends both.\n", host_address(h),
           receiver_address(d->receiver));
    printf("Send an event of your own:\n\n");
    printf("  curl http://%s/v1/events -H \"Authorization: Bearer $(cat %s/token)\" \\\n", host_address(h),
           d->daemon.state);
    if (d->data != NULL)
        printf("    -H 'Content-Type: application/json' -d '{\"name\": \"%s\", \"data\": '\"$(cat %s)\"'}'\n\n", event,
               d->data);
    else
        printf("    -H 'Content-Type: application/json' -d '{\"name\": \"%s\", \"data\": {}}'\n\n", event);
    fflush(stdout);
    if (d->event != NULL)
        emit(d, loop);
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
    struct daemon_hooks hooks = {.before = start_receiver, .ready = greet, .after = stop_receiver, .ud = &d};
    return daemon_run(&d.daemon, "dev", &hooks);
}
