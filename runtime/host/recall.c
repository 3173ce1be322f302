#include "host/recall.h"

#include "host/scripts.h"

#include <ev.h>

/* Answers of the store, awaited together: the lanes begin to read their own as soon as theirs is there. */
struct awaited {
    const struct recall *recall;
    int left;
    int rc;
    struct err *e; /* the first failure */
};

static void ended(struct awaited *a, const struct err *failure)
{
    a->left--;
    if (failure == NULL || a->rc != 0)
        return;
    *a->e = *failure;
    a->rc = -1;
}

static int await_all(struct awaited *a)
{
    while (a->left > 0)
        ev_run(a->recall->loop, EVRUN_ONCE);
    return a->rc;
}

static void out_of_memory(struct awaited *a)
{
    if (a->rc == 0)
        a->rc = err_memory(a->e);
}

/* --- what is pending --------------------------------------------------------------------------------------------- */

struct lanes_read {
    struct store_read read;
    struct awaited *awaited;
};

static int take_lane(const struct recall *r, const struct store_backlog *b)
{
    struct lane *lane = dispatch_lane(r->dispatch, b->integration);
    if (lane == NULL)
        return -1;
    lane_set_backlog(lane, b->queued > 0, b->first_due_ms);
    return 0;
}

static void on_lanes(struct store_read *r, const struct err *failure)
{
    struct awaited *a = ((struct lanes_read *)r)->awaited;
    ended(a, failure);
    for (size_t i = 0; a->rc == 0 && i < r->backlog_count; i++)
        if (take_lane(a->recall, &r->backlogs[i]) != 0)
            out_of_memory(a);
    store_read_fini(r);
}

/* --- what flows need ---------------------------------------------------------------------------------------------- */

struct script_read {
    struct store_read_script read;
    struct awaited *awaited;
};

static void on_newest_scripts(struct store_read *r, const struct err *failure)
{
    struct script_read *s = (struct script_read *)r;
    ended(s->awaited, failure);
    if (failure == NULL)
        scripts_know(s->awaited->recall->scripts, s->read.found, s->read.hash);
    store_read_fini(r);
}

struct forms_read {
    struct store_read_forms read;
    struct awaited *awaited;
};

static void on_forms(struct store_read *r, const struct err *failure)
{
    struct forms_read *f = (struct forms_read *)r;
    struct awaited *a = f->awaited;
    ended(a, failure);
    for (size_t i = 0; a->rc == 0 && i < f->read.count; i++)
        if (forms_add(&a->recall->runs->forms, f->read.forms[i].name, f->read.forms[i].form) < 0)
            out_of_memory(a);
    store_read_fini(r);
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

int recall(const struct recall *r, struct err *e)
{
    struct awaited a = {.recall = r, .e = e};
    struct lanes_read lanes = {.read = {.kind = STORE_READ_LANES, .done = on_lanes}, .awaited = &a};
    struct script_read script = {.read = {.base = {.kind = STORE_READ_SCRIPT, .done = on_newest_scripts}},
                                 .awaited = &a};
    struct forms_read forms = {.read = {.base = {.kind = STORE_READ_FORMS, .done = on_forms}}, .awaited = &a};
    struct store_read *const reads[] = {&lanes.read, &script.read.base, &forms.read.base};
    a.left = sizeof reads / sizeof *reads;
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
        store_query(r->env->store, reads[i]);
    return await_all(&a);
}
