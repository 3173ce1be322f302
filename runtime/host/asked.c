#include "host/asked.h"

#include <stdlib.h>
#include <string.h>

static void problem_memory(struct api_call *c)
{
    struct err e;
    err_memory(&e);
    api_problem(c, &e);
}

struct asked *asked_new(struct api *a, struct api_call *c, enum store_read_kind kind,
                        void (*done)(struct store_read *, const struct err *))
{
    struct asked *q = calloc(1, sizeof *q);
    if (q == NULL) {
        problem_memory(c);
        return NULL;
    }
    q->api = a;
    q->call = c;
    q->read.base.kind = kind;
    q->read.base.done = done;
    return q;
}

struct asked *asked_list_new(struct api *a, const struct api_filter *f, struct api_call *c, enum store_read_kind kind,
                             void (*done)(struct store_read *, const struct err *))
{
    struct asked *q = asked_new(a, c, kind, done);
    if (q == NULL || f->name.len == 0)
        return q;
    q->name = strndup(f->name.data, f->name.len);
    if (q->name != NULL)
        return q;
    asked_free(q);
    problem_memory(c);
    return NULL;
}

void asked_go(struct asked *q)
{
    store_query(q->api->env->store, &q->read.base);
}

void asked_free(struct asked *q)
{
    store_read_fini(&q->read.base);
    free(q->name);
    free(q);
}
