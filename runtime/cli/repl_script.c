#include "cli/repl_script.h"

#include "cli/cli.h"
#include "cli/signals.h"

#include <errno.h>
#include <unistd.h>

enum { CHUNK = 65536 };

struct script {
    struct session *session;
    struct buf in;
    struct buf code; /* the lines of a chunk that is not complete */
    bool at_end;
    int exit_code;
};

/* False: no further line is to be evaluated. */
static bool take_line(struct script *s, struct bytes line)
{
    if (s->code.len == 0 && bytes_only(line, " \t\r"))
        return true;
    if (s->code.len > 0)
        buf_append_char(&s->code, '\n');
    buf_append_bytes(&s->code, line);
    enum session_end end = session_eval(s->session, buf_view(&s->code));
    if (end == SESSION_MORE)
        return true;
    buf_clear(&s->code);
    if (end != SESSION_OK)
        s->exit_code = end == SESSION_OVER ? s->session->code : EXIT_FAILED;
    return end == SESSION_OK || end == SESSION_ERROR;
}

/* Every line that has come in whole; at the end the last as it is. */
static bool take_lines(struct script *s)
{
    struct bytes rest = buf_view(&s->in), line;
    bool go_on = true;
    while (go_on && (bytes_next_whole_line(&rest, &line) || (s->at_end && bytes_next_line(&rest, &line))))
        go_on = take_line(s, line);
    buf_drop(&s->in, s->in.len - rest.len);
    return go_on;
}

static bool stop(struct script *s, int exit_code)
{
    s->exit_code = exit_code;
    return false;
}

static bool read_some(struct script *s)
{
    if (buf_reserve(&s->in, CHUNK) != 0) {
        cli_say(s->session->command, "out of memory");
        return stop(s, EXIT_FAILED);
    }
    ssize_t n = read(STDIN_FILENO, s->in.data + s->in.len, CHUNK);
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
        cli_say(s->session->command, "cannot read standard input: %s", strerror(errno));
        return stop(s, EXIT_FAILED);
    }
    s->at_end = n == 0;
    s->in.len += n > 0 ? (size_t)n : 0;
    return true;
}

/* False: there is nothing more to wait for. */
static bool wait_input(struct script *s)
{
    struct pollfd fds[1 + SESSION_FDS] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    size_t count = 1 + session_watch(s->session, fds + 1);
    if (signals_ending() || signals_interrupt())
        return stop(s, EXIT_FAILED);
    if (signals_suspend())
        signals_stop();
    int ready = signals_poll(fds, count, -1);
    if (ready > 0 && !session_take(s->session, fds + 1))
        return stop(s, s->session->code);
    return ready <= 0 || fds[0].revents == 0 || read_some(s);
}

int repl_script_run(struct session *session)
{
    struct script s = {.session = session, .exit_code = EXIT_OK};
    bool go_on = true;
    buf_init(&s.in);
    buf_init(&s.code);
    while (go_on && !s.at_end)
        go_on = wait_input(&s) && take_lines(&s);
    if (go_on && s.code.len > 0) {
        cli_say(session->command, "the code is not complete");
        s.exit_code = EXIT_FAILED;
    }
    buf_fini(&s.in);
    buf_fini(&s.code);
    return s.exit_code;
}
