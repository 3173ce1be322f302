#include "server.h"

#include "faults.h"
#include "host/api.h"
#include "scripts.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct server {
    struct server_options options;
    bool stopping;
    size_t open;
};

struct api_call {
    struct api_call *next, **link; /* among those from outside */
    struct server *server;         /* NULL: a local one */
    server_done *done;
    api_done *local;
    void *ud;
    int64_t due_ns; /* its answer, at the latest */
};

struct api_batch {
    struct api_batch *next, **link;
    struct server *server;
    const struct bytes *lines;
    size_t count, fed, unanswered;
    server_line_done *each;
    server_done *done;
    void *ud;
};

static const int64_t ANSWER_NS = 2 * NS_PER_S; /* a sound host has answered by then */

static struct server *door; /* the open one */
static struct api_call *calls;
static struct api_batch *batches;

/* --- calls -------------------------------------------------------------------------------------------------------- */

bool server_is_open(void)
{
    return door != NULL && !door->stopping && !world.dead;
}

const struct api_ops *server_ops(void)
{
    return door->options.ops;
}

void *server_ops_ud(void)
{
    return door->options.ud;
}

struct api_call *server_call(server_done *done, void *ud)
{
    struct api_call *c = world_alloc(sizeof *c);
    c->done = done;
    c->ud = ud;
    c->server = door;
    c->due_ns = clock_now_ns() + ANSWER_NS;
    c->next = calls;
    c->link = &calls;
    if (calls != NULL)
        calls->link = &c->next;
    calls = c;
    door->open++;
    return c;
}

void server_call_waits(struct api_call *c, int64_t ms)
{
    c->due_ns += ms * NS_PER_MS;
}

bool server_may_accept(struct api_call *c)
{
    struct err e;
    if (server_ops()->may_accept(server_ops_ud(), &e))
        return true;
    api_problem(c, &e);
    return false;
}

static void free_call(struct api_call *c)
{
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    c->server->open--;
    free(c);
}

/* So much is under way that more may be refused; what the host has of its own to write comes on top. */
static bool is_full(void)
{
    size_t n = door->open;
    for (const struct api_batch *b = batches; b != NULL; b = b->next)
        n += b->unanswered;
    return n >= API_WRITES_MAX / 2;
}

static void check_answer(const struct api_call *c, int status, struct bytes text)
{
    if (text.len > 0 && memmem(text.data, text.len, SIM_SECRET, strlen(SIM_SECRET)) != NULL)
        violation("secret", "the secret is in an answer");
    bool sound = !faults_recent() && !world.dead;
    if (sound && status >= 500 && !(status == 503 && (world.stopping || is_full())))
        violation("answer", "a sound host answers %d %.*s", status, (int)text.len, text.data);
    if (sound && clock_now_ns() > c->due_ns && faults_sound_ns() < c->due_ns)
        violation("answer", "an answer comes %.1f s late", (double)(clock_now_ns() - c->due_ns) / 1e9);
}

static void answer(struct api_call *c, int status, struct bytes text)
{
    server_done *done = c->done;
    api_done *local = c->local;
    void *ud = c->ud;
    if (local == NULL)
        check_answer(c, status, text);
    if (local != NULL)
        free(c);
    else
        free_call(c);
    if (local != NULL)
        local(ud, status, text);
    else
        done(ud, world.dead ? 0 : status, text);
}

void api_answer(struct api_call *c, int status, struct buf *json)
{
    answer(c, status, buf_view(json));
    buf_fini(json);
}

void api_problem(struct api_call *c, const struct err *e)
{
    answer(c, api_problem_status(e), bytes_of(e->message));
}

void api_problem_lines(struct api_call *c, const struct err *e, struct bytes lines)
{
    (void)lines;
    api_problem(c, e);
}

struct api_call *api_call_local(api_done *done, void *ud)
{
    struct api_call *c = world_alloc(sizeof *c);
    c->local = done;
    c->ud = ud;
    return c;
}

bool api_call_is_local(const struct api_call *c)
{
    return c->local != NULL;
}

/* --- batches ------------------------------------------------------------------------------------------------------ */

static void end_batch(struct api_batch *b, int status)
{
    server_done *done = b->done;
    void *ud = b->ud;
    *b->link = b->next;
    if (b->next != NULL)
        b->next->link = b->link;
    b->server->open--;
    free(b);
    done(ud, status, (struct bytes){NULL, 0});
}

/* Each line that it will ever hand on is answered. */
static void end_if_done(struct api_batch *b)
{
    bool all = b->fed == b->count;
    if (b->unanswered == 0 && (all || b->server->stopping))
        end_batch(b, all ? 202 : 503);
}

static void feed(struct api_batch *b)
{
    const struct server_options *o = &b->server->options;
    struct err e;
    b->unanswered++; /* so that it does not end meanwhile */
    while (b->fed < b->count && o->ops->may_accept(o->ud, &e)) {
        b->unanswered++;
        o->ops->batch_line(o->ud, b->lines[b->fed], b, b->fed + 1);
        b->fed++;
    }
    b->unanswered--;
    end_if_done(b);
}

void api_batch_line(struct api_batch *b, uint64_t line, enum api_line_result result, const struct err *e)
{
    b->unanswered--;
    if (world.dead)
        return;
    if (result == API_LINE_REJECTED && !faults_recent())
        violation("answer", "a sound host rejects a line: %s", e->message);
    b->each(b->ud, line - 1, result);
    end_if_done(b);
}

void server_batch(const struct bytes *lines, size_t count, server_line_done *each, server_done *done, void *ud)
{
    struct api_batch *b = world_alloc(sizeof *b);
    *b = (struct api_batch){.next = batches,
                            .link = &batches,
                            .server = door,
                            .lines = lines,
                            .count = count,
                            .each = each,
                            .done = done,
                            .ud = ud};
    if (batches != NULL)
        batches->link = &b->next;
    batches = b;
    door->open++;
    feed(b);
}

/* --- the server --------------------------------------------------------------------------------------------------- */

struct server *server_new(const struct server_options *o, struct err *e)
{
    (void)e;
    struct server *s = world_alloc(sizeof *s);
    s->options = *o;
    door = s;
    world.api = o->ud;
    return s;
}

void server_stop(struct server *s)
{
    s->stopping = true;
    server_resume(s);
}

void server_lose(void)
{
    while (calls != NULL) {
        struct api_call *c = calls;
        server_done *done = c->done;
        void *ud = c->ud;
        free_call(c);
        done(ud, 0, (struct bytes){NULL, 0});
    }
    while (batches != NULL)
        end_batch(batches, 0);
}

void server_free(struct server *s)
{
    if (s == NULL)
        return;
    server_lose();
    door = NULL;
    free(s);
}

const char *server_address(const struct server *s)
{
    (void)s;
    return "127.0.0.1:8020";
}

void server_resume(struct server *s)
{
    (void)s;
    for (struct api_batch *b = batches, *next; b != NULL; b = next) {
        next = b->next;
        feed(b);
    }
}

void server_answer(struct server *s)
{
    (void)s; /* a call here has its answer when it is given */
}

size_t server_open_calls(const struct server *s)
{
    return s->open;
}
