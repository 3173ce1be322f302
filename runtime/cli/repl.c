#include "cli/daemon.h"
#include "cli/repl_ui.h"
#include "cli/statuses.h"
#include "core/units.h"
#include "host/env.h"
#include "net/receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
    "anzol repl scripts                        try the scripts out; nothing leaves this machine\n"
    "anzol repl scripts --status 503,200       the receiver refuses the first request\n"
    "anzol repl scripts --live                 requests go where they should\n"
    "anzol repl                                without scripts: templates, JSON, Lua\n"
    "\n"
    "A daemon of its own and a console in it, on this terminal. Its requests go to a receiver of its own, whatever "
    "their\n"
    "URL says; secrets that are not set have a placeholder. What you save is in force a moment later. To talk to a "
    "daemon that\n"
    "runs already: anzol attach\n"
    "\n"
    "  PATH…                   scripts: files, or folders of *.lua\n"
    "      --live              send requests for real\n"
    "      --status LIST       what the receiver answers in turn, the last from then on (default 200)\n"
    "      --delay DURATION    before each of its answers\n"
    "  -s, --state DIR         keep the database here (default: a folder that is removed at the end); not that of a\n"
    "                          daemon, whose deliveries would go to the receiver\n"
    "      --env-file FILE     NAME=VALUE lines for secret and env; may be given again\n"
    "      --log-level LEVEL   which lines of its log are shown: debug, info, warn or error (default info)\n"
    "  -h, --help\n"
    "\n"
    "Exit codes: 0, 1 when code from stdin failed, 2 usage, 78 the scripts do not load.\n";

struct repl {
    struct daemon_options daemon;
    const char *status;
    struct statuses statuses;
    int64_t delay_ms;
    bool live;
    struct receiver *receiver;
    char folder[4096]; /* of the state, made for it; "": the person named one */
    int log[2], ready[2];
    pid_t pid;
};

/* --- the daemon, in a process of its own -------------------------------------------------------------------------- */

static int start_receiver(void *ud, struct ev_loop *loop)
{
    struct repl *r = ud;
    struct err e;
    if (r->live)
        return 0;
    struct receiver_options o = {
        .loop = loop,
        .listen = "127.0.0.1:0",
        .statuses = r->statuses.items,
        .status_count = r->statuses.count,
        .delay_ms = r->delay_ms,
    };
    r->receiver = receiver_new(&o, &e);
    if (r->receiver == NULL)
        return cli_fail("repl", &e);
    r->daemon.divert = receiver_address(r->receiver);
    r->daemon.secret_placeholder = "not-set-in-this-repl";
    return 0;
}

/* Says that the database was made here: what is pending in it may go to the receiver. */
static const char marker[] = "repl";

static bool path_in(const char *state, const char *name, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/%s", state, name);
    return n > 0 && n < PATH_MAX;
}

static bool is_there(const char *state, const char *name)
{
    char path[PATH_MAX];
    return path_in(state, name, path) && access(path, F_OK) == 0;
}

/* The folder of a daemon: there is a database, and no marker. */
static bool is_daemons(const char *state)
{
    return is_there(state, "anzol.db") && !is_there(state, marker);
}

static void on_ready(void *ud, const struct host *h)
{
    const struct repl *r = ud;
    (void)h;
    char path[PATH_MAX];
    int fd = path_in(r->daemon.state, marker, path) ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0)
        close(fd);
    (void)!write(r->ready[1], "", 1);
}

static void stop_receiver(void *ud)
{
    struct repl *r = ud;
    receiver_free(r->receiver);
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s, (void)type, (void)at;
    return remove(path);
}

/* Its log goes into the pipe. Keys are signals for the whole group of processes, so it has one of its own; it ends when
 * the person's process does, however that ends, and takes the folder that was made for it along. */
static int be_daemon(struct repl *r)
{
    const struct daemon_hooks hooks = {.before = start_receiver, .ready = on_ready, .after = stop_receiver, .ud = r};
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    close(r->log[0]);
    close(r->ready[0]);
    if (dup2(r->log[1], STDERR_FILENO) < 0 || dup2(r->log[1], STDOUT_FILENO) < 0 ||
        freopen("/dev/null", "r", stdin) == NULL)
        return EXIT_FAILED;
    close(r->log[1]);
    int code = daemon_run(&r->daemon, "repl", &hooks);
    if (r->folder[0] != '\0')
        (void)nftw(r->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return code;
}

static int fork_daemon(struct repl *r)
{
    if (pipe(r->log) != 0 || pipe(r->ready) != 0)
        return -1;
    fflush(NULL);
    r->pid = fork();
    if (r->pid == 0) {
        int code = be_daemon(r);
        fflush(NULL);
        _exit(code);
    }
    close(r->log[1]);
    close(r->ready[1]);
    return r->pid < 0 ? -1 : 0;
}

/* --- the person's process ----------------------------------------------------------------------------------------- */

/* Passes on what the daemon has to say. False at its end. */
static bool pass_on(const struct repl *r, FILE *to)
{
    char text[4096];
    ssize_t n = read(r->log[0], text, sizeof text);
    if (n > 0 && to != NULL)
        fwrite(text, 1, (size_t)n, to);
    return n > 0 || (n < 0 && errno == EINTR);
}

/* Until the daemon is ready: 0; or has ended, which it has explained: its exit code. */
static int await_ready(struct repl *r)
{
    struct pollfd fds[2] = {{.fd = r->ready[0], .events = POLLIN}, {.fd = r->log[0], .events = POLLIN}};
    char one;
    int status;
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return EXIT_FAILED;
        if (fds[0].revents != 0 && read(r->ready[0], &one, 1) == 1)
            return 0;
        if (fds[1].revents != 0 && !pass_on(r, stderr))
            break;
    }
    if (waitpid(r->pid, &status, 0) != r->pid || !WIFEXITED(status))
        return EXIT_FAILED;
    r->pid = 0;
    return WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : EXIT_FAILED;
}

/* What is in flight has a moment to end; its log is read meanwhile, or it could not write it. */
static void end_daemon(struct repl *r)
{
    enum { PATIENCE_MS = 5000 };
    struct pollfd fd = {.fd = r->log[0], .events = POLLIN};
    int64_t until = env_mono_ns() / NS_PER_MS + PATIENCE_MS;
    if (r->pid <= 0)
        return;
    (void)kill(r->pid, SIGTERM);
    for (bool open = true; open;) {
        int64_t left = until - env_mono_ns() / NS_PER_MS;
        if (left < 0) {
            (void)kill(r->pid, SIGTERM); /* at once */
            until = env_mono_ns() / NS_PER_MS + PATIENCE_MS;
            continue;
        }
        if (poll(&fd, 1, (int)left) > 0)
            open = pass_on(r, NULL);
    }
    (void)waitpid(r->pid, NULL, 0);
}

static int make_folder(struct repl *r)
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(r->folder, sizeof r->folder, "%s/anzol-repl-XXXXXX", tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
    if (n < 0 || (size_t)n >= sizeof r->folder || mkdtemp(r->folder) == NULL) {
        cli_say("repl", "cannot make a folder for its state: %s", strerror(errno));
        r->folder[0] = '\0';
        return EXIT_FAILED;
    }
    r->daemon.state = r->folder;
    return EXIT_OK;
}

static int talk(struct repl *r)
{
    /* Until the daemon is there; then it is the console's, which leaves what is ignored ignored. */
    void (*before)(int) = signal(SIGINT, SIG_IGN);
    if (fork_daemon(r) != 0) {
        cli_say("repl", "cannot start its daemon: %s", strerror(errno));
        return EXIT_FAILED;
    }
    int code = await_ready(r);
    (void)signal(SIGINT, before);
    if (code != 0)
        return code;
    const struct repl_ui ui = {
        .command = "repl",
        .state = r->daemon.state,
        .banner =
            r->live ? "requests are sent for real" : "requests go to a receiver of its own, whatever their URL says",
        .log_fd = r->log[0],
    };
    return repl_ui_run(&ui);
}

static int parse(struct repl *r, int argc, char **argv)
{
    const char *state = NULL;
    const struct cli_option options[] = {
        {.name = "live", .flag = &r->live},
        {.name = "status", .text = &r->status},
        {.name = "delay", .ms = &r->delay_ms},
        CLI_STATE(&state),
        {.name = "env-file", .texts = &r->daemon.env_files},
        {.name = "log-level", .text = &r->daemon.log_level},
    };
    const struct cli_line line = {
        .command = "repl",
        .help = help,
        .operands = "PATH…",
        .operands_max = -1,
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    if (r->live && (r->status != NULL || r->delay_ms > 0))
        return cli_misuse("repl", "--status and --delay are for the receiver of its own, which --live does without");
    r->daemon.paths = (const char *const *)&argv[optind];
    r->daemon.path_count = (size_t)(argc - optind);
    r->daemon.state = state;
    code = statuses_parse(&r->statuses, "repl", r->status);
    if (code < 0 && state != NULL && !r->live && is_daemons(state))
        return cli_misuse(
            "repl",
            "the state folder %s is a daemon's: its deliveries would go to the receiver of the repl, and be "
            "lost; name another, or send for real with --live",
            state);
    if (code >= 0 || state != NULL)
        return code;
    return make_folder(r) == EXIT_OK ? -1 : EXIT_FAILED;
}

int command_repl(int argc, char **argv)
{
    struct repl r = {.log = {-1, -1}, .ready = {-1, -1}};
    struct cli_option unused[DAEMON_OPTIONS];
    daemon_options_init(&r.daemon, unused);
    r.daemon.listen = "127.0.0.1:0";
    r.daemon.log_format = "text";
    r.daemon.watch = r.daemon.alone = true;
    int code = parse(&r, argc, argv);
    if (code >= 0)
        return code;
    code = talk(&r);
    end_daemon(&r);
    return code;
}
