#include "host/turn.h"

#include <stdlib.h>
#include <string.h>

void turn_free(struct turn *t)
{
    for (size_t i = 0; i < t->count; i++)
        free((char *)t->steps[i].path.data);
    for (size_t i = 0; i < t->form_count * 2; i++)
        free((char *)t->forms[i].data);
    free(t->steps);
    free(t->forms);
    outbox_fini(&t->outbox);
    buf_fini(&t->text);
    free(t);
}

static struct store_step *new_step(struct turn *t)
{
    if (t->count == t->cap) {
        size_t cap = t->cap == 0 ? 2 : t->cap * 2;
        struct store_step *more = realloc(t->steps, cap * sizeof *more);
        if (more == NULL)
            return NULL;
        t->steps = more;
        t->cap = cap;
    }
    struct store_step *s = &t->steps[t->count++];
    *s = (struct store_step){.run = t->run->seq};
    return s;
}

static struct bytes append(char **at, struct bytes v)
{
    struct bytes copy = {*at, v.len};
    if (v.len > 0)
        memcpy(*at, v.data, v.len);
    *at += v.len;
    return copy;
}

/* The texts of a step in one allocation, which `path` begins. */
static int copy_texts(struct store_step *s, struct bytes path, struct bytes name, struct bytes match,
                      struct bytes result)
{
    char *text = malloc(path.len + name.len + match.len + result.len + 1);
    if (text == NULL)
        return -1;
    s->path = append(&text, path);
    s->name = append(&text, name);
    s->match = append(&text, match);
    s->result = append(&text, result);
    return 0;
}

static int add_form(struct turn *t, struct bytes name, struct bytes form)
{
    /* Written each time: the write that brought it first may have come to nothing. */
    if (forms_add(&t->run->runs->forms, name, form) < 0)
        return -1;
    if (t->form_count == t->form_cap) {
        size_t cap = t->form_cap == 0 ? 1 : t->form_cap * 2;
        struct bytes *more = realloc(t->forms, cap * 2 * sizeof *more);
        if (more == NULL)
            return -1;
        t->forms = more;
        t->form_cap = cap;
    }
    t->forms[t->form_count * 2] = bytes_copy(name);
    t->forms[t->form_count * 2 + 1] = bytes_copy(form);
    t->form_count++;
    return t->forms[t->form_count * 2 - 2].data == NULL || t->forms[t->form_count * 2 - 1].data == NULL ? -1 : 0;
}

static int add_step(struct turn *t, const struct asked_step *a)
{
    struct run *r = t->run;
    struct store_step *s = new_step(t);
    if (s == NULL || copy_texts(s, a->path, a->name, a->match, a->result) != 0)
        return -1;
    s->number = a->number;
    s->kind = a->kind;
    s->due_ms = a->due_ms;
    s->started_ms = r->runs->env->wall_ms();
    s->ended_ms = a->ended_ms;
    if (a->has_delivery && t->outbox.count > 0) {
        struct store_delivery *d = &t->outbox.rows[t->outbox.count - 1];
        d->step = a->number;
        s->ref = d->seq;
    }
    if (a->number > r->steps)
        r->steps = a->number;
    if (a->kind == STEP_WAIT) {
        s->ref = run_last_event(r, a->match);
        if (add_form(t, a->name, a->form) != 0)
            return -1;
    }
    return a->ended_ms != 0 ? 0 : run_open(r, s);
}

static void on_step(void *ud, const struct asked_step *a)
{
    struct turn *t = ud;
    if (!t->no_memory && add_step(t, a) != 0)
        t->no_memory = true;
}

static void on_delivery(void *ud, const struct rendered *d)
{
    struct turn *t = ud;
    if (!t->no_memory && outbox_add(&t->outbox, d) != 0)
        t->no_memory = true;
}

/* The ends that only the run knows of, a time that was up above all, are written down with what came of them. */
static int add_ended(struct turn *t)
{
    struct run *r = t->run;
    for (size_t i = 0; i < r->open_count;) {
        struct open_step *o = &r->open[i];
        if (o->ended_ms == 0) {
            i++;
            continue;
        }
        struct store_step *s = new_step(t);
        if (s == NULL ||
            copy_texts(s, o->path, o->name, (struct bytes){0}, o->result.data != NULL ? o->result : RUN_NOTHING) != 0)
            return -1;
        s->number = o->number;
        s->kind = o->kind;
        s->due_ms = o->due_ms;
        s->ended_ms = o->ended_ms;
        run_close(r, o);
    }
    return 0;
}

static enum run_state state_of(const struct run *r, enum task_end end)
{
    switch (end) {
    case TASK_MORE:
        return RUN_READY;
    case TASK_SUCCEEDED:
        return RUN_SUCCEEDED;
    case TASK_FAILED:
        return RUN_FAILED;
    case TASK_PARKED:
        return RUN_PARKED;
    case TASK_WAITING:
    case TASK_MEMORY:
    case TASK_STARVED:
        break;
    }
    if (run_is_managing(r))
        return RUN_READY; /* so that it is found after a crash */
    for (size_t i = 0; i < r->open_count; i++)
        if (r->open[i].kind != STEP_SLEEP)
            return RUN_WAITING;
    return RUN_SLEEPING;
}

static void fill(struct turn *t, enum task_end end)
{
    struct run *r = t->run;
    struct store_advance *a = &t->advance;
    enum run_state state = state_of(r, end);
    a->run = (struct store_run){
        .seq = r->seq,
        .id = r->id,
        .script = r->script,
        .mark = r->mark,
        .state = state,
        .steps = r->steps,
        .due_ms = run_state_final(state) ? 0 : run_due(r),
        .finished_ms = run_state_final(state) ? r->runs->env->wall_ms() : 0,
    };
    if (state == RUN_SUCCEEDED)
        a->run.result = buf_view(&t->text);
    else
        a->run.message = buf_view(&t->text);
    a->seen = r->seen;
    r->runs->env->random(&a->mark, sizeof a->mark);
    a->steps = t->steps;
    a->step_count = t->count;
    a->deliveries = t->outbox.rows;
    a->delivery_count = t->outbox.count;
    a->arrived_after = r->seq;
    a->forms = t->forms;
    a->form_count = t->form_count;
}

static struct turn *turn_new(struct run *r, void (*done)(struct store_write *, const struct err *))
{
    struct turn *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->run = r;
    outbox_init(&t->outbox, r->runs->dispatch);
    t->outbox.run = r->seq;
    t->outbox.script = r->script;
    t->advance.base = (struct store_write){.kind = STORE_ADVANCE, .done = done};
    return t;
}

static void submit(struct turn *t, enum task_end end)
{
    fill(t, end);
    t->run->turn = t;
    t->run->told = end == TASK_MORE;
    store_submit(t->run->runs->env->store, &t->advance.base);
}

/* A journal that parks is not written on: what was asked for instead is forgotten. */
static void forget_asked(struct turn *t)
{
    outbox_fini(&t->outbox);
    outbox_init(&t->outbox, t->run->runs->dispatch);
    for (size_t i = 0; i < t->count; i++)
        free((char *)t->steps[i].path.data);
    t->count = 0;
}

enum turn_end turn_go(struct run *r, void (*done)(struct store_write *w, const struct err *failure))
{
    struct turn *t = turn_new(r, done);
    if (t == NULL)
        return TURN_STARVED;
    struct render_sink sink = {.on_delivery = on_delivery, .on_step = on_step, .ud = t};
    enum task_end end = task_go(r->task, &sink, &t->text);
    if (end == TASK_PARKED) {
        forget_asked(t);
        r->steps = r->written;
    }
    if (end == TASK_MEMORY || end == TASK_STARVED || t->no_memory || add_ended(t) != 0) {
        turn_free(t);
        return end == TASK_MEMORY ? TURN_FULL : TURN_STARVED;
    }
    submit(t, end);
    return TURN_WRITTEN;
}

int turn_stop(struct run *r, enum task_end end, const char *message,
              void (*done)(struct store_write *w, const struct err *failure))
{
    struct turn *t = turn_new(r, done);
    if (t == NULL)
        return -1;
    buf_append_str(&t->text, message);
    r->steps = r->written;
    r->stopping = true;
    submit(t, end);
    return 0;
}
