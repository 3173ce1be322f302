#include "host/sessions.h"

#include "core/json_write.h"
#include "core/units.h"
#include "host/scripts.h"
#include "host/session.h"
#include "host/view_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line that prints goes on when the person's terminal has taken most of it; what one slice prints beyond the second
 * is left out. */
enum { UNSENT_WAIT = 256 << 10, UNSENT_MAX = 2 << 20, TAKES_MS = 20 };

/* --- the end of a line -------------------------------------------------------------------------------------------- */

static void drop_asking(struct session *s)
{
    if (s->asking != NULL)
        asking_leave(s->asking);
    s->asking = NULL;
    tracing_end(s);
    timer_stop(s->all->env->timers, &s->go);
}

static void tell_left_out(struct session *s)
{
    char text[64];
    if (s->left_out == 0)
        return;
    snprintf(text, sizeof text, "… %zu bytes were left out\n", s->left_out);
    s->left_out = 0;
    control_text(s->client, s->running, bytes_of(text));
}

static void end_line(struct session *s, enum control_end how, struct bytes text, struct bytes values)
{
    int64_t id = s->running;
    tell_left_out(s);
    drop_asking(s);
    s->running = 0;
    control_end(s->client, id, how, text, values);
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

void session_go_soon(struct session *s)
{
    timer_start(s->all->env->timers, &s->go, s->all->env->mono_ns());
}

static void fail_line(struct session *s, const struct err *e)
{
    console_cancel(s->console);
    end_line(s, CONTROL_ERROR, bytes_of(e->message), (struct bytes){0});
    session_go_soon(s);
}

static void take(struct session *s, enum console_end how)
{
    struct err e;
    struct bytes text = buf_view(&s->said.text), values = buf_view(&s->said.values);
    switch (how) {
    case CONSOLE_SLICE:
        session_go_soon(s);
        return;
    case CONSOLE_ASKED:
        if (session_ask(s, text, values) != 0) {
            err_memory(&e);
            fail_line(s, &e);
        }
        return;
    case CONSOLE_DONE:
        end_line(s, CONTROL_OK, text, values.len > 0 ? values : (struct bytes){0});
        break;
    case CONSOLE_FAILED:
        end_line(s, CONTROL_ERROR, buf_failed(&s->said.text) ? bytes_of("out of memory") : text, (struct bytes){0});
        break;
    case CONSOLE_MORE:
        end_line(s, CONTROL_MORE, (struct bytes){0}, (struct bytes){0});
        break;
    }
    session_go_soon(s);
}

void session_answered(struct session *s, bool ok, struct bytes text)
{
    struct err e;
    s->asking = NULL;
    if (console_answer(s->console, ok, text, &e) != 0)
        fail_line(s, &e);
    else
        session_go_soon(s);
}

void session_text(void *ud, struct bytes text)
{
    struct session *s = ud;
    if (s->running == 0)
        return;
    size_t unsent = control_unsent(s->client);
    size_t room = unsent < UNSENT_MAX ? UNSENT_MAX - unsent : 0;
    if (text.len > room) {
        s->left_out += text.len;
        return;
    }
    control_text(s->client, s->running, text);
}

/* --- requests that wait ---------------------------------------------------------------------------------------- */

static struct session_request *take_request(struct session *s, struct session_request **at)
{
    struct session_request *q = *at;
    *at = q->next;
    if (q->next == NULL)
        s->queue_end = at;
    return q;
}

void session_end_queue(struct session *s, enum control_end how, const char *text)
{
    while (s->queue != NULL) {
        struct session_request *q = take_request(s, &s->queue);
        control_end(s->client, q->id, how, bytes_of(text), (struct bytes){0});
        free(q);
    }
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static void complete(struct session *s, const struct session_request *q)
{
    enum { ITEMS_MAX = 1000 };
    struct bytes items[ITEMS_MAX];
    struct buf text;
    struct err e;
    size_t from, n = 0;
    buf_init(&text);
    if (console_complete(s->console, (struct bytes){q->code, q->len}, q->cursor, &from, &text, &e) != 0) {
        control_end(s->client, q->id, CONTROL_ERROR, bytes_of(e.message), (struct bytes){0});
        buf_fini(&text);
        return;
    }
    for (size_t at = 0; at < text.len && n < ITEMS_MAX; at += items[n - 1].len + 1)
        items[n++] = bytes_of(text.data + at);
    control_items(s->client, q->id, from, items, n);
    buf_fini(&text);
}

/* The first that may be begun now: a completion any time, a line when none is run. NULL: there is none. */
static struct session_request **next_request(struct session *s)
{
    struct session_request **at = &s->queue;
    while (*at != NULL && s->running != 0 && !(*at)->completes)
        at = &(*at)->next;
    return *at == NULL ? NULL : at;
}

static void begin(struct session *s, struct session_request *q)
{
    if (q->completes) {
        complete(s, q);
        free(q);
        return;
    }
    s->running = q->id;
    enum console_end how = console_eval(s->console, (struct bytes){q->code, q->len}, q->width, q->json, &s->said);
    free(q);
    take(s, how);
}

/* Begins one request, if there is one that may be. */
static void proceed(struct session *s)
{
    struct session_request **at;
    if (s->building)
        return;
    if (s->running == 0 && s->queue != NULL && (s->failed || s->number != s->all->api->intake->scripts->number)) {
        session_leave_console(s);
        session_build(s);
        if (s->failed)
            session_end_queue(s, CONTROL_ERROR, "there is no memory for a console");
        return;
    }
    if (s->console != NULL && (at = next_request(s)) != NULL)
        begin(s, take_request(s, at));
    if (s->console != NULL && next_request(s) != NULL)
        session_go_soon(s);
}

static bool is_sliced(const struct session *s)
{
    return s->running != 0 && s->asking == NULL;
}

static void on_go(struct timer *t, int64_t now_ns)
{
    struct session *s = (struct session *)((char *)t - offsetof(struct session, go));
    int64_t line = is_sliced(s) ? s->running : 0;
    proceed(s);
    if (line == 0 || s->running != line || !is_sliced(s))
        return;
    if (control_unsent(s->client) > UNSENT_WAIT) {
        timer_start(s->all->env->timers, t, now_ns + TAKES_MS * NS_PER_MS);
        return;
    }
    tell_left_out(s);
    take(s, console_go(s->console, &s->said));
}

static struct session_request *request_new(struct session *s, int64_t id, struct bytes code)
{
    struct session_request *q = malloc(sizeof *q + code.len + 1);
    if (q == NULL) {
        control_end(s->client, id, CONTROL_ERROR, bytes_of("out of memory"), (struct bytes){0});
        return NULL;
    }
    *q = (struct session_request){.id = id, .len = code.len};
    if (code.len > 0)
        memcpy(q->code, code.data, code.len);
    q->code[code.len] = '\0';
    return q;
}

static void add(struct session *s, struct session_request *q)
{
    *s->queue_end = q;
    s->queue_end = &q->next;
    if (s->all->stopping)
        session_end_queue(s, CONTROL_CANCELED, NULL);
    else
        session_go_soon(s);
}

static void on_eval(void *session, int64_t id, struct bytes code, int width, bool json)
{
    struct session *s = session;
    struct session_request *q = request_new(s, id, code);
    if (q == NULL)
        return;
    q->width = width;
    q->json = json;
    add(s, q);
}

static void on_complete(void *session, int64_t id, struct bytes code, size_t cursor)
{
    struct session *s = session;
    struct session_request *q = request_new(s, id, code);
    if (q == NULL)
        return;
    q->completes = true;
    q->cursor = cursor;
    add(s, q);
}

static void on_cancel(void *session, int64_t target)
{
    struct session *s = session;
    if (s->running == target && target != 0) {
        if (s->asking != NULL && strcmp(s->asking->op, "call") == 0)
            control_text(s->client, target, bytes_of("no longer waited for: the delivery goes on\n"));
        console_cancel(s->console);
        end_line(s, CONTROL_CANCELED, (struct bytes){0}, (struct bytes){0});
        session_go_soon(s);
        return;
    }
    struct session_request **at = &s->queue;
    while (*at != NULL && (*at)->id != target)
        at = &(*at)->next;
    if (*at == NULL)
        return;
    free(take_request(s, at));
    control_end(s->client, target, CONTROL_CANCELED, (struct bytes){0}, (struct bytes){0});
}

/* --- coming and going --------------------------------------------------------------------------------------------- */

static void *on_open(void *ud, struct control_client *c, const struct control_peer *peer, struct json_write *hello,
                     struct err *why)
{
    struct sessions *all = ud;
    const struct scripts *scripts = all->api->intake->scripts;
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL) {
        err_memory(why);
        return NULL;
    }
    s->all = all;
    s->client = c;
    s->peer = *peer;
    s->queue_end = &s->queue;
    s->tracing.end = &s->tracing.first;
    timer_init(&s->go, on_go);
    buf_init(&s->kept);
    buf_init(&s->said.text);
    buf_init(&s->said.values);
    s->next = all->first;
    all->first = s;
    log_line(all->env->log, all->alone ? LOG_DEBUG : LOG_INFO, "console.attached", LOG_STR("by", peer->user),
             LOG_INT("pid", peer->pid));
    json_write_str(hello, "version", ANZOL_VERSION);
    json_write_int(hello, "generation", (int64_t)scripts->number);
    view_put_counts(hello, scripts->current);
    session_build(s);
    return s;
}

void session_free(struct session *s)
{
    struct session **at = &s->all->first;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    console_free(s->console);
    buf_fini(&s->kept);
    buf_fini(&s->said.text);
    buf_fini(&s->said.values);
    tracing_fini(&s->tracing);
    free(s);
}

static void on_close(void *session)
{
    struct session *s = session;
    log_line(s->all->env->log, s->all->alone ? LOG_DEBUG : LOG_INFO, "console.left", LOG_STR("by", s->peer.user),
             LOG_INT("pid", s->peer.pid));
    drop_asking(s);
    while (s->queue != NULL)
        free(take_request(s, &s->queue));
    s->client = NULL;
    if (s->building && builder_cancel(s->all->builder, &s->build))
        session_drop_build(s);
    if (!s->building)
        session_free(s);
}

static const struct control_ops ops = {
    .open = on_open, .eval = on_eval, .complete = on_complete, .cancel = on_cancel, .close = on_close};

int sessions_start(struct sessions *s, struct ev_loop *loop, const char *folder, struct err *e)
{
    struct control_options o = {.loop = loop, .folder = folder, .ops = &ops, .ud = s};
    s->control = control_new(&o, e);
    return s->control == NULL ? -1 : 0;
}

static void describe_reload(const struct sessions *all, const struct reload_result *r, struct buf *text)
{
    unsigned long long number = all->api->intake->scripts->number;
    struct bytes left = r->lines, first = {NULL, 0};
    if (r->failure == NULL) {
        buf_printf(text, "scripts reloaded: generation %llu (", number);
        changes_describe(r->changes, text);
        buf_append_str(text, ")");
        return;
    }
    (void)bytes_next_line(&left, &first);
    buf_append_str(text, "scripts not reloaded: ");
    buf_append_bytes(text, first);
    buf_printf(text, "%s (generation %llu stays in force)", left.len > 0 ? ", and more" : "", number);
}

void sessions_reloaded(struct sessions *all, const struct reload_result *r)
{
    struct buf text;
    buf_init(&text);
    describe_reload(all, r, &text);
    for (struct session *s = all->first; s != NULL; s = s->next) {
        if (s->client != NULL && !s->reloads)
            control_note(s->client, buf_view(&text)); /* it moves there with its next request */
        s->reloads = false;
    }
    buf_fini(&text);
}

void sessions_stop(struct sessions *all)
{
    all->stopping = true;
    for (struct session *s = all->first; s != NULL; s = s->next) {
        if (s->client == NULL)
            continue;
        if (s->running != 0) {
            console_cancel(s->console);
            end_line(s, CONTROL_CANCELED, (struct bytes){0}, (struct bytes){0});
        }
        session_end_queue(s, CONTROL_CANCELED, NULL);
        control_note(s->client, bytes_of("the daemon is stopping"));
    }
}

void sessions_close(struct sessions *all)
{
    control_free(all->control);
    all->control = NULL;
}

void sessions_fini(struct sessions *all)
{
    while (all->first != NULL) {
        struct session *s = all->first;
        if (s->building)
            session_drop_build(s);
        session_free(s);
    }
}
