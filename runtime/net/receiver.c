#include "net/receiver.h"

#include "net/httpd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 16 << 20 };

struct receiver {
    struct httpd httpd;
    struct receiver_options options;
    int *statuses;
    uint64_t count;
    struct received *held; /* answered after the delay */
};

/* One request. */
struct received {
    struct received *next, **link;
    struct receiver *receiver;
    struct MHD_Connection *connection;
    struct buf body, headers, path;
    uint64_t number;
    int status;
    bool begun, seen, due, suspended;
    struct ev_timer delay;
};

static int status_of(const struct receiver *r, uint64_t number)
{
    if (r->options.close)
        return 0;
    if (r->options.status_count == 0)
        return 200;
    size_t i = number - 1 < r->options.status_count ? (size_t)(number - 1) : r->options.status_count - 1;
    return r->statuses[i];
}

static enum MHD_Result on_header(void *ud, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct received *q = ud;
    buf_printf(&q->headers, "%s: %s\n", name, value == NULL ? "" : value);
    return MHD_YES;
}

static void show(struct received *q, const char *method, const char *url)
{
    struct receiver *r = q->receiver;
    q->number = ++r->count;
    q->status = status_of(r, q->number);
    q->seen = true;
    if (r->options.on_request == NULL)
        return;
    MHD_get_connection_values(q->connection, MHD_HEADER_KIND, on_header, q);
    const char *path = buf_cstr(&q->path), *headers = buf_cstr(&q->headers);
    struct receiver_request shown = {
        .number = q->number,
        .method = method,
        .path = path == NULL ? url : path,
        .headers = headers == NULL ? "" : headers,
        .body = buf_view(&q->body),
        .status = q->status,
    };
    r->options.on_request(r->options.ud, &shown);
}

static void add_headers(const struct receiver *r, struct MHD_Response *response)
{
    for (size_t i = 0; i < r->options.header_count; i++) {
        char name[256];
        const char *line = r->options.headers[i], *colon = strchr(line, ':');
        if (colon == NULL || (size_t)(colon - line) >= sizeof name)
            continue;
        memcpy(name, line, (size_t)(colon - line));
        name[colon - line] = '\0';
        const char *value = colon + 1 + strspn(colon + 1, " ");
        (void)MHD_add_response_header(response, name, value);
    }
}

static enum MHD_Result answer(struct received *q)
{
    const struct receiver *r = q->receiver;
    char own[64];
    struct bytes body = r->options.body;
    if (q->status == 0)
        return MHD_NO; /* closes the connection */
    if (body.len == 0) {
        snprintf(own, sizeof own, "{\"ok\":%s,\"number\":%" PRIu64 "}", q->status < 300 ? "true" : "false", q->number);
        body = bytes_of(own);
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)body.data, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    if (body.data == own)
        (void)MHD_add_response_header(response, "Content-Type", "application/json");
    add_headers(r, response);
    enum MHD_Result rc = MHD_queue_response(q->connection, (unsigned)q->status, response);
    MHD_destroy_response(response);
    return rc;
}

static void unhold(struct received *q)
{
    if (q->link == NULL)
        return;
    *q->link = q->next;
    if (q->next != NULL)
        q->next->link = q->link;
    q->link = NULL;
}

static void release(struct received *q)
{
    unhold(q);
    q->due = true;
    if (q->suspended) {
        q->suspended = false;
        MHD_resume_connection(q->connection);
        httpd_kick(&q->receiver->httpd);
    }
}

static void on_delay(struct ev_loop *loop, struct ev_timer *w, int events)
{
    (void)loop, (void)events;
    release(w->data);
}

static enum MHD_Result hold(struct received *q)
{
    struct receiver *r = q->receiver;
    ev_timer_init(&q->delay, on_delay, (double)r->options.delay_ms / 1000.0, 0.);
    q->delay.data = q;
    ev_timer_start(r->options.loop, &q->delay);
    q->next = r->held;
    q->link = &r->held;
    if (r->held != NULL)
        r->held->link = &q->next;
    r->held = q;
    q->suspended = true;
    MHD_suspend_connection(q->connection);
    return MHD_YES;
}

/* What is shown is what came: what libmicrohttpd gives later is decoded. */
static void *on_target(void *ud, const char *target, struct MHD_Connection *connection)
{
    struct received *q = calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    q->receiver = ud;
    q->connection = connection;
    buf_append_str(&q->path, target == NULL ? "/" : target);
    return q;
}

static enum MHD_Result on_request(void *ud, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_len, void **state)
{
    (void)connection, (void)version;
    struct receiver *r = ud;
    struct received *q = *state;
    if (q == NULL)
        return MHD_NO;
    if (!q->begun) {
        q->begun = true;
        return MHD_YES;
    }
    if (*upload_len > 0) {
        if (q->body.len + *upload_len > BODY_MAX || buf_append(&q->body, upload, *upload_len) != 0)
            return MHD_NO;
        *upload_len = 0;
        return MHD_YES;
    }
    if (!q->seen)
        show(q, method, url);
    if (r->options.delay_ms > 0 && !q->due)
        return q->suspended ? MHD_YES : hold(q);
    return answer(q);
}

static void on_completed(void *ud, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode how)
{
    (void)ud, (void)connection, (void)how;
    struct received *q = *state;
    if (q == NULL)
        return;
    if (q->link != NULL)
        ev_timer_stop(q->receiver->options.loop, &q->delay);
    unhold(q);
    buf_fini(&q->body);
    buf_fini(&q->headers);
    buf_fini(&q->path);
    free(q);
    *state = NULL;
}

struct receiver *receiver_new(const struct receiver_options *o, struct err *e)
{
    struct receiver *r = calloc(1, sizeof *r);
    int *statuses = calloc(o->status_count + 1, sizeof *statuses);
    if (r == NULL || statuses == NULL) {
        free(r);
        free(statuses);
        err_memory(e);
        return NULL;
    }
    if (o->status_count > 0)
        memcpy(statuses, o->statuses, o->status_count * sizeof *statuses);
    r->options = *o;
    r->statuses = statuses;
    struct httpd_options h = {.loop = o->loop,
                              .listen = o->listen,
                              .on_target = on_target,
                              .on_request = on_request,
                              .on_completed = on_completed,
                              .ud = r};
    if (httpd_start(&r->httpd, &h, e) == 0)
        return r;
    free(statuses);
    free(r);
    return NULL;
}

void receiver_free(struct receiver *r)
{
    if (r == NULL)
        return;
    while (r->held != NULL) {
        ev_timer_stop(r->options.loop, &r->held->delay);
        release(r->held);
    }
    httpd_stop(&r->httpd);
    free(r->statuses);
    free(r);
}

const char *receiver_address(const struct receiver *r)
{
    return r->httpd.address;
}

uint64_t receiver_count(const struct receiver *r)
{
    return r->count;
}
