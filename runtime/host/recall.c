#include "host/recall.h"

#include "host/scripts.h"

#include <ev.h>

/* One answer of the store, awaited. */
struct awaited {
    const struct recall *recall;
    bool ended;
    int rc;
    struct err *e;
};

static int await(struct awaited *a, struct store_read *r)
{
    store_query(a->recall->env->store, r);
    while (!a->ended)
        ev_run(a->recall->loop, EVRUN_ONCE);
    return a->rc;
}

static void ended(struct awaited *a, const struct err *failure)
{
    a->ended = true;
    if (failure == NULL)
        return;
    *a->e = *failure;
    a->rc = -1;
}

/* --- what is pending --------------------------------------------------------------------------------------------- */

struct lanes_read {
    struct store_read read;
    struct awaited awaited;
};

static int take_lane(const struct recall *r, const struct store_backlog *b, struct err *e)
{
    struct lane *lane = dispatch_lane(r->dispatch, b->integration);
    if (lane == NULL)
        return err_memory(e);
    lane_set_backlog(lane, b->queued > 0, b->first_due_ms);
    return 0;
}

static void on_lanes(struct store_read *r, const struct err *failure)
{
    struct awaited *a = &((struct lanes_read *)r)->awaited;
    ended(a, failure);
    for (size_t i = 0; a->rc == 0 && i < r->backlog_count; i++)
        a->rc = take_lane(a->recall, &r->backlogs[i], a->e);
    store_read_fini(r);
}

static int read_lanes(const struct recall *r, struct err *e)
{
    struct lanes_read b = {.read = {.kind = STORE_READ_LANES, .done = on_lanes}, .awaited = {.recall = r, .e = e}};
    return await(&b.awaited, &b.read);
}

/* --- what flows need ---------------------------------------------------------------------------------------------- */

struct script_read {
    struct store_read_script read;
    struct awaited awaited;
};

static void on_newest_scripts(struct store_read *r, const struct err *failure)
{
    struct script_read *s = (struct script_read *)r;
    ended(&s->awaited, failure);
    if (failure == NULL)
        scripts_know(s->awaited.recall->scripts, s->read.found, s->read.hash);
    store_read_fini(r);
}

static int read_scripts(const struct recall *r, struct err *e)
{
    struct script_read s = {.read = {.base = {.kind = STORE_READ_SCRIPT, .done = on_newest_scripts}},
                            .awaited = {.recall = r, .e = e}};
    return await(&s.awaited, &s.read.base);
}

struct forms_read {
    struct store_read_forms read;
    struct awaited awaited;
};

static void on_forms(struct store_read *r, const struct err *failure)
{
    struct forms_read *f = (struct forms_read *)r;
    struct awaited *a = &f->awaited;
    ended(a, failure);
    for (size_t i = 0; a->rc == 0 && i < f->read.count; i++)
        if (forms_add(&a->recall->runs->forms, f->read.forms[i].name, f->read.forms[i].form) < 0)
            a->rc = err_memory(a->e);
    store_read_fini(r);
}

static int read_forms(const struct recall *r, struct err *e)
{
    struct forms_read f = {.read = {.base = {.kind = STORE_READ_FORMS, .done = on_forms}},
                           .awaited = {.recall = r, .e = e}};
    return await(&f.awaited, &f.read.base);
}

int recall(const struct recall *r, struct err *e)
{
    if (read_lanes(r, e) != 0 || read_scripts(r, e) != 0)
        return -1;
    return read_forms(r, e);
}
