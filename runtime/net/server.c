#include "net/server.h"

#include "core/json_write.h"
#include "core/secrets.h"
#include "net/call.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { EVENT_MAX = 1 << 20, BATCH_MAX = 16 << 20, DISCARD_MAX = 64 << 20 };

#define RETRY_AFTER_S "1"

/* --- answers -------------------------------------------------------------------------------------------------- */

/* Where memory is short, an answer without a body still tells. */
static struct MHD_Response *response_of(struct buf *text, const char *type, int *status)
{
    static char none[] = "";
    size_t len;
    char *data = buf_take(text, &len);
    if (data == NULL) {
        *status = 503;
        return MHD_create_response_from_buffer(0, none, MHD_RESPMEM_PERSISTENT);
    }
    struct MHD_Response *r = MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
    if (r == NULL)
        free(data);
    else
        (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    return r;
}

struct api_call *api_call_local(api_done *done, void *ud)
{
    struct api_call *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->done = done;
    c->ud = ud;
    return c;
}

bool api_call_is_local(const struct api_call *c)
{
    return c->done != NULL;
}

static void answer_local(struct api_call *c, int status, struct buf *text)
{
    c->done(c->ud, buf_failed(text) ? 500 : status, buf_view(text));
    buf_fini(text);
    free(c);
}

static void call_free(struct api_call *c)
{
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    c->server->open--;
    if (c->response != NULL)
        MHD_destroy_response(c->response);
    batch_leave(c->batch);
    buf_fini(&c->body);
    free(c);
}

/* `allow` is the header of a 405. */
static void answer(struct api_call *c, int status, const char *type, struct buf *text, const char *allow)
{
    if (c->done != NULL) {
        answer_local(c, status, text);
        return;
    }
    if (c->connection == NULL) {
        buf_fini(text);
        call_free(c);
        return;
    }
    struct MHD_Response *r = response_of(text, type, &status);
    c->answered = true;
    c->response = r;
    c->status = status;
    if (r != NULL && status == 503)
        (void)MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_AFTER_S);
    if (r != NULL && status == 401)
        (void)MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (r != NULL && allow != NULL)
        (void)MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, allow);
    if (!c->in_handler)
        call_resume(c);
}

void call_answer_text(struct api_call *c, int status, const char *type, struct buf *text)
{
    answer(c, status, type, text, NULL);
}

void api_answer(struct api_call *c, int status, struct buf *json)
{
    answer(c, status, "application/json", json, NULL);
}

void call_problem_begin(struct json_write *w, struct buf *text, int status, const char *detail)
{
    json_write_init(w, text);
    json_write_object(w, NULL);
    json_write_str(w, "type", "about:blank");
    json_write_str(w, "title", MHD_get_reason_phrase_for((unsigned)status));
    json_write_int(w, "status", status);
    json_write_str(w, "detail", detail);
}

static void problem(struct api_call *c, const struct err *e, const char *allow, struct bytes lines)
{
    struct buf text;
    struct json_write w;
    int status = api_problem_status(e);
    buf_init(&text);
    call_problem_begin(&w, &text, status, e->message);
    if (lines.len > 0)
        json_write_lines(&w, "errors", lines);
    json_write_end(&w);
    answer(c, status, CALL_PROBLEM_TYPE, &text, allow);
}

void api_problem(struct api_call *c, const struct err *e)
{
    problem(c, e, NULL, (struct bytes){NULL, 0});
}

void api_problem_lines(struct api_call *c, const struct err *e, struct bytes lines)
{
    problem(c, e, NULL, lines);
}

/* --- the life of a call --------------------------------------------------------------------------------------- */

static struct api_call *call_new(struct server *s, struct MHD_Connection *connection)
{
    struct api_call *c = malloc(sizeof *c);
    if (c == NULL)
        return NULL;
    memset(c, 0, offsetof(struct api_call, name) + 1);
    c->server = s;
    c->connection = connection;
    c->next = s->calls;
    c->link = &s->calls;
    if (s->calls != NULL)
        s->calls->link = &c->next;
    s->calls = c;
    s->open++;
    return c;
}

static void on_completed(void *ud, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode how)
{
    (void)ud, (void)connection, (void)how;
    struct api_call *c = *state;
    *state = NULL;
    if (c == NULL)
        return;
    c->server->httpd.moved = true;
    if (!c->held) {
        call_free(c);
        return;
    }
    call_release(c); /* whoever was asked still answers */
    c->connection = NULL;
}

static enum MHD_Result queue(struct api_call *c)
{
    if (c->response == NULL)
        return MHD_NO;
    if (c->server->stopping)
        (void)MHD_add_response_header(c->response, MHD_HTTP_HEADER_CONNECTION, "close");
    return MHD_queue_response(c->connection, (unsigned)c->status, c->response);
}

/*
 * Before the body libmicrohttpd answers and closes, and a client that is still sending may lose the answer with the
 * connection. So that is for those who wait for "100 Continue", those who would send more than we forget, and
 * those whose body has no certain end.
 */
static bool refuses_body(const struct api_call *c)
{
    const char *expect = c->headers.expect.value, *len = c->headers.length.value;
    return c->answered && (c->unframed || (expect != NULL && strcasecmp(expect, "100-continue") == 0) ||
                           (len != NULL && strtoull(len, NULL, 10) > DISCARD_MAX));
}

static enum MHD_Result begin(struct api_call *c, const char *method, const char *url)
{
    struct err e;
    const char *allow;
    if (call_route(c, method, url, &e, &allow) != 0)
        problem(c, &e, allow, (struct bytes){NULL, 0});
    else if (c->is_batch && (c->batch = batch_new(c)) == NULL) {
        err_memory(&e);
        api_problem(c, &e);
    }
    return refuses_body(c) ? queue(c) : MHD_YES;
}

static void keep_body(struct api_call *c, const char *data, size_t len)
{
    struct err e;
    if (c->body.len + len > c->body_max)
        err_set(&e, ERR_INPUT, 413, "the body is longer than %zu bytes", c->body_max);
    else if (buf_append(&c->body, data, len) != 0)
        err_memory(&e);
    else
        return;
    buf_fini(&c->body);
    api_problem(c, &e);
}

/* The body of a request that is answered already is read and forgotten, so that the client gets to read the answer. */
static enum MHD_Result receive(struct api_call *c, const char *data, size_t *len)
{
    size_t taken = *len;
    if (c->answered || (c->batch != NULL && batch_is_cut(c->batch))) {
        c->discarded += taken;
        if (c->discarded > DISCARD_MAX)
            return MHD_NO;
    } else if (c->batch != NULL) {
        taken = batch_feed(c->batch, data, *len);
        if (taken < *len)
            call_suspend(c);
    } else
        keep_body(c, data, *len);
    *len -= taken;
    return MHD_YES;
}

static void ask(struct api_call *c)
{
    struct err e;
    if (c->batch != NULL) {
        (void)batch_end(c->batch);
        return;
    }
    if (c->asked)
        return;
    c->asked = true;
    if (call_ask(c, &e) != 0)
        api_problem(c, &e);
}

static enum MHD_Result finish(struct api_call *c)
{
    if (!c->answered)
        ask(c);
    if (c->answered)
        return queue(c);
    call_await(c);
    return MHD_YES;
}

static enum MHD_Result on_request(void *ud, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_len, void **state)
{
    (void)version;
    struct server *s = ud;
    struct api_call *c = *state;
    enum MHD_Result rc;
    s->httpd.moved |= c == NULL || !c->held;
    if (c == NULL) {
        c = *state = call_new(s, connection);
        if (c == NULL)
            return MHD_NO;
        c->in_handler = true;
        rc = begin(c, method, url);
    } else {
        c->in_handler = true;
        rc = *upload_len > 0 ? receive(c, upload, upload_len) : finish(c);
    }
    c->in_handler = false;
    return rc;
}

/* --- the server ----------------------------------------------------------------------------------------------- */

static void on_next_turn(struct ev_loop *loop, struct ev_idle *w, int events)
{
    (void)events;
    struct server *s = w->data;
    ev_idle_stop(loop, w);
    s->lines = 0;
    server_resume(s);
}

struct server *server_new(const struct server_options *o, struct err *e)
{
    struct server *s = calloc(1, sizeof *s);
    char *token = strdup(o->token);
    if (s == NULL || token == NULL) {
        free(s);
        free(token);
        err_memory(e);
        return NULL;
    }
    s->options = *o;
    s->token = token;
    if (s->options.event_max == 0)
        s->options.event_max = EVENT_MAX;
    if (s->options.batch_max == 0)
        s->options.batch_max = BATCH_MAX;
    struct httpd_options h = {
        .loop = o->loop, .listen = o->listen, .on_request = on_request, .on_completed = on_completed, .ud = s};
    ev_idle_init(&s->next_turn, on_next_turn);
    ev_set_priority(&s->next_turn, EV_MAXPRI); /* as in net/httpd.c: its turn comes however busy the others are */
    s->next_turn.data = s;
    if (httpd_start(&s->httpd, &h, e) == 0)
        return s;
    free(token);
    free(s);
    return NULL;
}

void server_stop(struct server *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    httpd_quiesce(&s->httpd);
    server_resume(s);
}

/* Suspended connections cannot be stopped: each call that waits is answered first. Of the others no client is left. */
static void answer_waiting(struct server *s)
{
    struct err e;
    err_set(&e, ERR_STORE, 0, "the runtime has stopped");
    for (struct api_call *c = s->calls; c != NULL; c = c->next)
        if (c->suspended || c->held) {
            if (!c->answered)
                api_problem(c, &e);
            call_resume(c);
        }
}

void server_free(struct server *s)
{
    if (s == NULL)
        return;
    server_stop(s);
    answer_waiting(s);
    httpd_run(&s->httpd);
    ev_idle_stop(s->httpd.loop, &s->next_turn);
    httpd_stop(&s->httpd);
    while (s->calls != NULL)
        call_free(s->calls);
    batch_free_left(s);
    secrets_wipe(s->token, strlen(s->token));
    free(s->token);
    free(s);
}

const char *server_address(const struct server *s)
{
    return s->httpd.address;
}

void server_resume(struct server *s)
{
    for (struct api_call *c = s->calls; c != NULL; c = c->next)
        if (c->suspended && c->batch != NULL && batch_may_resume(c->batch))
            call_resume(c);
}

void server_answer(struct server *s)
{
    httpd_serve(&s->httpd);
}

size_t server_open_calls(const struct server *s)
{
    return s->open;
}
