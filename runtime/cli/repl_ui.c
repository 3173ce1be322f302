#include "cli/repl_ui.h"

#include "cli/cli.h"
#include "cli/editor.h"
#include "cli/past.h"
#include "cli/repl_script.h"
#include "cli/session.h"
#include "cli/signals.h"

#include <inttypes.h>
#include <unistd.h>

struct conversation {
    struct session session;
    struct editor editor;
    struct past past;
    struct buf code; /* the lines so far of code that is not complete */
    struct buf line;
};

/* --- while a line is typed ------------------------------------------------------------------------------------- */

_Static_assert((int)SESSION_FDS <= (int)EDITOR_WATCH_MAX, "a session's descriptors fit");

static size_t on_watch(void *ud, struct pollfd fds[EDITOR_WATCH_MAX])
{
    const struct conversation *r = ud;
    return session_watch(&r->session, fds);
}

static bool on_ready(void *ud, const struct pollfd fds[EDITOR_WATCH_MAX])
{
    struct conversation *r = ud;
    return session_take(&r->session, fds);
}

static void on_print(void *ud)
{
    struct conversation *r = ud;
    editor_hide(&r->editor);
}

/* What would replace something in a line before this one is no help here. */
static void keep_to_line(struct candidates *c, size_t before)
{
    if (candidates_count(c) == 0 || c->from < before) {
        candidates_fini(c);
        *c = (struct candidates){.from = before};
    }
    c->from -= before;
}

static bool on_complete(void *ud, struct bytes line, size_t cursor, struct candidates *c)
{
    struct conversation *r = ud;
    struct buf code;
    buf_init(&code);
    buf_append_bytes(&code, buf_view(&r->code));
    buf_append_bytes(&code, line);
    size_t before = r->code.len;
    *c = (struct candidates){.from = before};
    if (!buf_failed(&code))
        session_complete(&r->session, buf_view(&code), before + cursor, c);
    buf_fini(&code);
    keep_to_line(c, before);
    return r->session.end != SESSION_OVER;
}

static const struct editor_host host_of_repl = {
    .watch = on_watch,
    .on_ready = on_ready,
    .complete = on_complete,
};

/* --- the conversation ------------------------------------------------------------------------------------------ */

static void keep(struct conversation *r, struct bytes code)
{
    struct err e;
    err_clear(&e);
    if (past_add(&r->past, code, &e) != 0)
        cli_say(r->session.command, "what is typed is not kept any more: %s", e.message);
}

/* False: the session is over. */
static bool take_line(struct conversation *r)
{
    if (r->code.len == 0 && bytes_only(buf_view(&r->line), " \t"))
        return true;
    if (buf_append_bytes(&r->code, buf_view(&r->line)) != 0) {
        speech_error(&r->session.speech, bytes_of("out of memory"));
        buf_clear(&r->code);
        return true;
    }
    enum session_end end = session_eval(&r->session, buf_view(&r->code));
    if (end == SESSION_MORE) {
        buf_append_char(&r->code, '\n');
        return true;
    }
    keep(r, buf_view(&r->code));
    buf_clear(&r->code);
    return end != SESSION_OVER;
}

static int converse(struct conversation *r)
{
    for (;;) {
        switch (editor_read(&r->editor, r->code.len > 0 ? ">> " : "> ", &r->line)) {
        case EDITOR_LINE:
            if (!take_line(r))
                return r->session.code;
            break;
        case EDITOR_DROPPED:
            buf_clear(&r->code);
            break;
        case EDITOR_END:
            putchar('\n');
            return EXIT_OK;
        case EDITOR_LEFT:
            return r->session.end == SESSION_OVER ? r->session.code : EXIT_FAILED;
        }
    }
}

/* --- the beginning and the end of it --------------------------------------------------------------------------- */

static void print_count(const struct render *r, const char *before, int64_t n, const char *what)
{
    render_text(r, STYLE_DIM, "%s%" PRId64 " %s%s", before, n, what, n == 1 ? "" : "s");
}

static void print_banner(const struct repl_ui *u, const struct session *s)
{
    const struct render *r = &s->speech.out;
    if (u->banner != NULL)
        render_text(r, STYLE_PLAIN, "%s\n", u->banner);
    render_text(r, STYLE_BOLD, "anzol %s", s->talk.version);
    render_text(r, STYLE_DIM, ", generation %" PRId64, s->talk.generation);
    print_count(r, ": ", s->talk.integrations, "integration");
    print_count(r, ", ", s->talk.webhooks, "webhook");
    print_count(r, ", ", s->talk.flows, "flow");
    putchar('\n');
    render_text(r, STYLE_DIM,
                "help() says what there is to do; Tab completes, Ctrl-C drops or cancels a line, Ctrl-D leaves");
    putchar('\n');
}

static void open_past(struct conversation *r)
{
    struct err e;
    err_clear(&e);
    if (past_open(&r->past, &e) != 0)
        cli_say(r->session.command, "what is typed is not kept: %s", e.message);
}

static int run_on_terminal(struct conversation *r, const struct repl_ui *u)
{
    struct err e;
    int code = EXIT_FAILED;
    err_clear(&e);
    r->session.speech.interactive = true;
    r->session.before_print = on_print;
    r->session.ud = r;
    buf_init(&r->code);
    buf_init(&r->line);
    print_banner(u, &r->session);
    open_past(r);
    if (editor_open(&r->editor, &host_of_repl, r, r->past.list, &e) == 0)
        code = converse(r);
    else
        cli_say(u->command, "%s", e.message);
    editor_close(&r->editor);
    past_close(&r->past);
    buf_fini(&r->line);
    buf_fini(&r->code);
    return code;
}

int repl_ui_run(const struct repl_ui *u)
{
    struct conversation r = {0};
    int code = session_open(&r.session, u->command, u->state, u->log_fd);
    if (code != EXIT_OK)
        return code;
    signals_begin();
    code = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? run_on_terminal(&r, u) : repl_script_run(&r.session);
    signals_end();
    session_close(&r.session);
    return code;
}
