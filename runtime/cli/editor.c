#include "cli/editor.h"

#include "cli/screen.h"
#include "cli/signals.h"
#include "core/utf8.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

/* What libedit does not bind by itself: keys as terminals of today send them. */
static const struct {
    const char *key, *function;
} bindings[] = {
    {"\\e[3~", "ed-delete-next-char"}, {"\\e[1~", "ed-move-to-beg"}, {"\\e[4~", "ed-move-to-end"},
    {"\\e[1;5C", "em-next-word"},      {"\\e[1;5D", "ed-prev-word"},
};

/* --- what is drawn --------------------------------------------------------------------------------------------- */

static char *on_prompt(EditLine *el)
{
    struct editor *ed;
    el_get(el, EL_CLIENTDATA, &ed);
    return ed->prompt;
}

static bool is_dumb(void)
{
    const char *term = getenv("TERM");
    return term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0;
}

void editor_hide(struct editor *ed)
{
    if (!ed->reading || ed->hidden)
        return;
    struct screen s = screen_size();
    const LineInfoW *line = el_wline(ed->el);
    int row = screen_row(&s, (int)strlen(ed->prompt), line->buffer, (size_t)(line->cursor - line->buffer));
    ed->hidden = true;
    if (is_dumb())
        fputc('\n', stdout);
    else if (row > 0)
        printf("\033[%dA\r\033[J", row);
    else
        fputs("\r\033[J", stdout);
    fflush(stdout);
}

/* From where the cursor is. */
static void show(struct editor *ed)
{
    if (!ed->hidden)
        return;
    ed->hidden = false;
    el_set(ed->el, EL_REFRESH);
}

static void on_dropped(struct editor *ed)
{
    const LineInfoW *line = el_wline(ed->el);
    editor_hide(ed);
    el_cursor(ed->el, (int)(line->lastchar - line->cursor));
    show(ed);
    fputs("^C\n", stdout);
    fflush(stdout);
    ed->result = EDITOR_DROPPED;
}

static void on_resize(struct editor *ed)
{
    editor_hide(ed);
    el_resize(ed->el);
    show(ed);
}

/* Whoever has the terminal meanwhile finds it as it was. */
static void on_suspend(struct editor *ed)
{
    editor_hide(ed);
    el_set(ed->el, EL_PREP_TERM, 0);
    signals_stop();
    el_set(ed->el, EL_PREP_TERM, 1);
    show(ed);
}

/* --- keys ------------------------------------------------------------------------------------------------------ */

/* False: the line is given up. */
static bool take_signals(struct editor *ed)
{
    if (signals_ending())
        ed->result = EDITOR_LEFT;
    else if (signals_interrupt())
        on_dropped(ed);
    else
        return true;
    return false;
}

/* 1: a character; 0: more bytes are needed; -1: the terminal is gone. */
static int read_character(struct editor *ed, wchar_t *out)
{
    mbstate_t fresh = {0};
    ssize_t n = read(STDIN_FILENO, ed->bytes + ed->byte_count, 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n <= 0)
        return -1;
    size_t size = mbrtowc(out, ed->bytes, ++ed->byte_count, &fresh);
    if (size == (size_t)-2 && ed->byte_count < sizeof ed->bytes)
        return 0;
    ed->byte_count = 0;
    return size < (size_t)-2; /* a byte that belongs to no character is dropped */
}

/* False: leave. */
static bool take_watched(struct editor *ed, const struct pollfd *fds, size_t count)
{
    bool ready = false;
    for (size_t i = 0; i < count; i++)
        ready |= fds[i].revents != 0;
    if (ready && !ed->host->on_ready(ed->ud, fds))
        return false;
    show(ed);
    return true;
}

/* As read_character(). */
static int wait_character(struct editor *ed, wchar_t *out)
{
    struct pollfd fds[1 + EDITOR_WATCH_MAX] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    size_t count = ed->host->watch(ed->ud, fds + 1);
    if (signals_resize())
        on_resize(ed);
    if (signals_suspend())
        on_suspend(ed);
    if (signals_poll(fds, count + 1, -1) < 0)
        return errno == EINTR ? 0 : -1;
    if (!take_watched(ed, fds + 1, count)) {
        ed->result = EDITOR_LEFT;
        return -1;
    }
    return fds[0].revents != 0 ? read_character(ed, out) : 0;
}

/* In the place of libedit's read. What it returns ends the line, unless it is 1. */
static int on_character(EditLine *el, wchar_t *out)
{
    struct editor *ed;
    int rc = 0;
    el_get(el, EL_CLIENTDATA, &ed);
    while (rc == 0)
        rc = take_signals(ed) ? wait_character(ed, out) : -1;
    ed->keys++;
    return rc;
}

/* --- completion ------------------------------------------------------------------------------------------------ */

static bool begins_with(struct bytes text, struct bytes start)
{
    return text.len >= start.len && bytes_equal((struct bytes){text.data, start.len}, start);
}

static unsigned char replace(struct editor *ed, struct bytes typed, struct bytes text)
{
    struct bytes copy = bytes_copy(text);
    el_deletestr(ed->el, (int)utf8_count(typed));
    int rc = copy.data != NULL ? el_insertstr(ed->el, copy.data) : -1;
    free((char *)copy.data);
    return rc == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
}

static void list(struct editor *ed, const struct candidates *c)
{
    editor_hide(ed);
    candidates_print(c, screen_size().columns, stdout);
    fflush(stdout);
}

/* What can be said for certain is typed; a second Tab in a row shows what there is. */
static unsigned char apply(struct editor *ed, struct bytes typed, const struct candidates *c)
{
    bool again = ed->keys == ed->tab_at + 1;
    ed->tab_at = ed->keys;
    if (candidates_count(c) == 0)
        return CC_REFRESH_BEEP;
    struct bytes common = candidates_common(c);
    if (candidates_count(c) == 1 || (common.len > typed.len && begins_with(common, typed)))
        return replace(ed, typed, common);
    if (!again)
        return CC_REFRESH_BEEP;
    list(ed, c);
    return CC_REFRESH;
}

static unsigned char complete(struct editor *ed, struct bytes line, size_t cursor)
{
    struct candidates c;
    unsigned char rc = CC_EOF;
    if (ed->host->complete(ed->ud, line, cursor, &c))
        rc = apply(ed, (struct bytes){line.data + c.from, cursor - c.from}, &c);
    else
        ed->result = EDITOR_LEFT;
    candidates_fini(&c);
    if (rc != CC_EOF)
        show(ed);
    return rc;
}

static unsigned char on_complete(EditLine *el, int key)
{
    (void)key;
    struct editor *ed;
    el_get(el, EL_CLIENTDATA, &ed);
    const LineInfo *line = el_line(el);
    size_t cursor = (size_t)(line->cursor - line->buffer);
    /* libedit's own text changes with the next call to it. */
    struct bytes copy = bytes_copy((struct bytes){line->buffer, (size_t)(line->lastchar - line->buffer)});
    unsigned char rc = copy.data != NULL ? complete(ed, copy, cursor) : CC_ERROR;
    free((char *)copy.data);
    return rc;
}

/* --- the life of it -------------------------------------------------------------------------------------------- */

/* Everything else here is UTF-8, whatever the locale says. */
static void use_utf8(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static void bind_keys(EditLine *el)
{
    for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++)
        el_set(el, EL_BIND, bindings[i].key, bindings[i].function, NULL);
    el_set(el, EL_BIND, "^I", "anzol-complete", NULL);
}

/* The person's own bindings last; but those of vi begin anew, without Tab. */
static void configure(EditLine *el)
{
    const char *editor = "";
    el_set(el, EL_EDITOR, "emacs");
    el_wset(el, EL_ADDFN, L"anzol-complete", L"what may stand here", on_complete); /* el_set() leaks copies */
    bind_keys(el);
    /* libedit 3.1 inserts wrongly with these where a line wraps. */
    el_set(el, EL_SETTC, "ic", "", NULL);
    el_set(el, EL_SETTC, "im", "", NULL);
    el_set(el, EL_SETTC, "IC", "", NULL);
    el_source(el, NULL);
    if (el_get(el, EL_EDITOR, &editor) == 0 && strcmp(editor, "vi") == 0)
        el_set(el, EL_BIND, "^I", "anzol-complete", NULL);
}

int editor_open(struct editor *ed, const struct editor_host *host, void *ud, History *past, struct err *e)
{
    use_utf8();
    *ed = (struct editor){.host = host, .ud = ud, .el = el_init("anzol", stdin, stdout, stderr)};
    if (ed->el == NULL)
        return err_memory(e);
    el_set(ed->el, EL_CLIENTDATA, ed);
    el_set(ed->el, EL_SIGNAL, 0);
    el_set(ed->el, EL_PROMPT, on_prompt);
    el_set(ed->el, EL_GETCFN, on_character);
    if (past != NULL)
        el_set(ed->el, EL_HIST, history, past);
    configure(ed->el);
    return 0;
}

void editor_close(struct editor *ed)
{
    if (ed->el != NULL)
        el_end(ed->el);
    ed->el = NULL;
}

enum editor_result editor_read(struct editor *ed, const char *prompt, struct buf *line)
{
    int count;
    snprintf(ed->prompt, sizeof ed->prompt, "%s", prompt);
    ed->result = EDITOR_END;
    ed->hidden = false;
    ed->byte_count = 0;
    ed->reading = true;
    el_set(ed->el, EL_PREP_TERM, 1); /* else a key that follows the prompt closely is taken by the terminal */
    const char *text = el_gets(ed->el, &count);
    ed->reading = false;
    if (text == NULL)
        return ed->result;
    struct bytes typed = bytes_of(text);
    typed.len -= typed.len > 0 && typed.data[typed.len - 1] == '\n';
    buf_clear(line);
    buf_append_bytes(line, typed);
    return EDITOR_LINE;
}
