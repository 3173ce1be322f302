#include "cli/session.h"

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/screen.h"
#include "cli/signals.h"
#include "net/control.h"

#include <errno.h>
#include <unistd.h>

enum {
    COMPLETE_TIMEOUT_MS = 1000,
    LOG_CHUNK = 4096,
    LOG_LINE_MAX = 65536,
};

/* As far as the protocol takes it. */
static int width(void)
{
    int columns = screen_size().columns;
    return columns < CONTROL_WIDTH_MIN ? CONTROL_WIDTH_MIN : columns > CONTROL_WIDTH_MAX ? CONTROL_WIDTH_MAX : columns;
}

int session_open(struct session *s, const char *command, const char *state, int log_fd)
{
    struct err e;
    err_clear(&e);
    *s = (struct session){.command = command, .log_fd = log_fd};
    if (ask_runs(state, &e) != 0 || talk_open(&s->talk, state, &e) != 0)
        return cli_fail(command, &e);
    speech_init(&s->speech);
    buf_init(&s->log_line);
    return EXIT_OK;
}

void session_close(struct session *s)
{
    talk_close(&s->talk);
    buf_fini(&s->log_line);
}

static void make_room(struct session *s)
{
    if (s->before_print != NULL)
        s->before_print(s->ud);
}

/* --- the log of a daemon started for it ------------------------------------------------------------------------ */

static void print_log(struct session *s, bool all)
{
    struct bytes rest = buf_view(&s->log_line), line;
    /* Without its line break, the last stays until the rest has come. */
    while (bytes_next_whole_line(&rest, &line) || (all && bytes_next_line(&rest, &line))) {
        make_room(s);
        speech_note(&s->speech, line);
    }
    buf_drop(&s->log_line, s->log_line.len - rest.len);
}

static void read_log(struct session *s)
{
    ssize_t n = -1;
    if (buf_reserve(&s->log_line, LOG_CHUNK) == 0)
        n = read(s->log_fd, s->log_line.data + s->log_line.len, LOG_CHUNK);
    if (n > 0)
        s->log_line.len += (size_t)n;
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        s->log_fd = -1;
    print_log(s, s->log_fd < 0 || s->log_line.len > LOG_LINE_MAX);
}

/* The last lines often say why. */
static void drain_log(struct session *s)
{
    struct pollfd p = {.fd = s->log_fd, .events = POLLIN};
    while (s->log_fd >= 0 && poll(&p, 1, 0) == 1)
        read_log(s);
    print_log(s, true);
}

/* --- what the daemon says -------------------------------------------------------------------------------------- */

static void leave(struct session *s, int code)
{
    s->code = code;
    s->end = SESSION_OVER;
}

static void fail(struct session *s, const struct err *e)
{
    drain_log(s);
    make_room(s);
    speech_end_line(&s->speech);
    leave(s, s->hung_up ? EXIT_FAILED : cli_fail(s->command, e));
}

static void take_end(struct session *s, const struct talk_message *m)
{
    static const enum session_end ends[] = {
        [TALK_OK] = SESSION_OK,
        [TALK_ERROR] = SESSION_ERROR,
        [TALK_MORE] = SESSION_MORE,
        [TALK_CANCELED] = SESSION_CANCELED,
    };
    if (m->kind == TALK_OK && s->speech.json)
        speech_json(&s->speech, m->line);
    else if (m->kind == TALK_ERROR)
        speech_error(&s->speech, m->text);
    else if (m->kind == TALK_CANCELED)
        speech_note(&s->speech, bytes_of("canceled"));
    else
        speech_values(&s->speech, m->text);
    s->end = ends[m->kind];
}

static void take_unasked(struct session *s, const struct talk_message *m)
{
    make_room(s);
    if (m->kind == TALK_NOTE)
        speech_note(&s->speech, m->text);
    else
        speech_error(&s->speech, m->text);
    s->hung_up |= m->kind == TALK_PROBLEM;
}

static void take_message(struct session *s, const struct talk_message *m)
{
    bool of_line = s->end == SESSION_RUNNING && m->id == s->running;
    if (m->kind == TALK_NOTE || m->kind == TALK_PROBLEM)
        take_unasked(s, m);
    else if (m->kind == TALK_TEXT && of_line)
        speech_text(&s->speech, m->text);
    else if (m->kind >= TALK_OK && m->kind <= TALK_CANCELED && of_line)
        take_end(s, m);
    else if (m->kind == TALK_ITEMS && m->id == s->asked && s->asked != 0) {
        candidates_init(s->answer, m->root, s->cursor);
        s->asked = 0;
    }
}

size_t session_watch(const struct session *s, struct pollfd fds[SESSION_FDS])
{
    fds[0] = (struct pollfd){.fd = s->talk.client.fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = s->log_fd, .events = POLLIN};
    return SESSION_FDS;
}

bool session_take(struct session *s, const struct pollfd fds[SESSION_FDS])
{
    struct talk_message m;
    struct err e;
    err_clear(&e);
    if (fds[1].revents != 0)
        read_log(s);
    if (fds[0].revents == 0)
        return true;
    int rc = talk_receive(&s->talk, &e) == 0 ? 1 : -1;
    while (rc == 1 && (rc = talk_next(&s->talk, &m, &e)) == 1)
        take_message(s, &m);
    if (rc < 0)
        fail(s, &e);
    return s->end != SESSION_OVER;
}

/* --- what is asked --------------------------------------------------------------------------------------------- */

/* False: nothing came in time, or a signal did. */
static bool turn(struct session *s, int timeout_ms)
{
    struct pollfd fds[SESSION_FDS];
    size_t count = session_watch(s, fds);
    if (signals_poll(fds, count, timeout_ms) <= 0)
        return false;
    session_take(s, fds);
    return true;
}

/* Ctrl-C while a line runs. */
static void interrupt(struct session *s, bool again)
{
    struct err e;
    err_clear(&e);
    s->speech.midline |= s->speech.interactive; /* the terminal shows ^C */
    if (again) {
        speech_note(&s->speech, bytes_of("disconnected"));
        leave(s, EXIT_FAILED);
    } else if (talk_cancel(&s->talk, s->running, &e) != 0)
        fail(s, &e);
}

static void wait_end(struct session *s)
{
    bool interrupted = false;
    while (s->end == SESSION_RUNNING) {
        if (signals_ending())
            leave(s, EXIT_FAILED);
        else if (signals_suspend())
            signals_stop();
        else if (signals_interrupt()) {
            interrupt(s, interrupted);
            interrupted = true;
        } else
            (void)turn(s, -1);
    }
}

enum session_end session_eval(struct session *s, struct bytes code)
{
    struct err e;
    err_clear(&e);
    s->end = SESSION_RUNNING;
    s->running = talk_eval(&s->talk, code, width(), s->speech.json, &e);
    if (s->running >= 0)
        wait_end(s);
    else if (e.domain == ERR_INPUT) {
        speech_error(&s->speech, bytes_of(e.message));
        s->end = SESSION_ERROR;
    } else
        fail(s, &e);
    return s->end;
}

void session_complete(struct session *s, struct bytes code, size_t cursor, struct candidates *c)
{
    struct err e;
    err_clear(&e);
    *c = (struct candidates){0};
    s->cursor = cursor;
    s->answer = c;
    s->asked = talk_complete(&s->talk, code, cursor, &e);
    if (s->asked < 0 && e.domain != ERR_INPUT)
        fail(s, &e);
    /* After a note it waits anew: those are rare. */
    while (s->asked > 0 && s->end != SESSION_OVER && turn(s, COMPLETE_TIMEOUT_MS))
        ;
    s->asked = 0;
}
