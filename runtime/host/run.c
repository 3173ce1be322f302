#include "host/run.h"

#include <stdlib.h>
#include <string.h>

const struct bytes RUN_NOTHING = {"null", 4};

void run_list_push(struct run_list *l, struct run *r)
{
    r->list = l;
    r->prev = l->last;
    r->next = NULL;
    *(l->last != NULL ? &l->last->next : &l->first) = r;
    l->last = r;
    l->count++;
}

void run_list_remove(struct run *r)
{
    struct run_list *l = r->list;
    if (l == NULL)
        return;
    *(r->prev != NULL ? &r->prev->next : &l->first) = r->next;
    *(r->next != NULL ? &r->next->prev : &l->last) = r->prev;
    r->prev = r->next = NULL;
    r->list = NULL;
    l->count--;
}

struct run *run_new(struct runs *rs, const struct store_run *row)
{
    struct run *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->runs = rs;
    r->seq = row->seq;
    r->id = row->id;
    r->event_id = row->event_id;
    r->script = row->script;
    r->created_ms = row->created_ms;
    r->steps = r->written = row->steps;
    r->bytes = r->input_len = row->input.len;
    r->seen = row->woken;
    r->mark = row->mark;
    r->flow = strndup(row->flow.len == 0 ? "" : row->flow.data, row->flow.len);
    if (r->flow == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

void run_free(struct run *r)
{
    while (r->open_count > 0)
        run_close(r, &r->open[r->open_count - 1]);
    free(r->open);
    for (size_t i = 0; i < r->key_count; i++)
        free((char *)r->keys[i].key.data);
    free(r->keys);
    free((char *)r->input.data);
    task_free(r->task);
    free(r->flow);
    free(r);
}

/* --- steps that are waited for ------------------------------------------------------------------------------------ */

void run_count(struct run *r, struct bytes result, const struct attempt *answer)
{
    size_t bytes = result.len + (answer != NULL ? answer->headers.len + answer->body.len : 0);
    r->bytes = r->input_len + bytes;
    r->journal += bytes;
}

int run_keep_input(struct run *r, struct bytes input)
{
    r->input = bytes_copy(input);
    return r->input.data == NULL ? -1 : 0;
}

int run_open(struct run *r, const struct store_step *from)
{
    if (r->open_count == r->open_cap) {
        size_t cap = r->open_cap == 0 ? 1 : r->open_cap * 2;
        struct open_step *more = realloc(r->open, cap * sizeof *more);
        if (more == NULL)
            return -1;
        r->open = more;
        r->open_cap = cap;
    }
    struct open_step *s = &r->open[r->open_count];
    *s = (struct open_step){
        .number = from->number,
        .kind = from->kind,
        .due_ms = from->due_ms,
        .path = bytes_copy(from->path),
        .name = bytes_copy(from->name),
        .match = bytes_copy(from->match),
    };
    r->open_count++; /* what was copied is freed with the run */
    return s->path.data == NULL || s->name.data == NULL || s->match.data == NULL ? -1 : 0;
}

static struct run_key *find_key(const struct run *r, struct bytes key)
{
    for (size_t i = 0; i < r->key_count; i++)
        if (bytes_equal(r->keys[i].key, key))
            return &r->keys[i];
    return NULL;
}

int64_t run_last_event(const struct run *r, struct bytes key)
{
    const struct run_key *k = find_key(r, key);
    return k == NULL ? 0 : k->seq;
}

int run_note_event(struct run *r, struct bytes key, int64_t seq)
{
    struct run_key *k = find_key(r, key);
    if (k == NULL) {
        struct run_key *more = realloc(r->keys, (r->key_count + 1) * sizeof *more);
        if (more == NULL)
            return -1;
        r->keys = more;
        k = &more[r->key_count];
        *k = (struct run_key){.key = bytes_copy(key)};
        if (k->key.data == NULL)
            return -1;
        r->key_count++;
    }
    k->seq = seq > k->seq ? seq : k->seq;
    return 0;
}

struct open_step *run_find(struct run *r, int number)
{
    for (size_t i = 0; i < r->open_count; i++)
        if (r->open[i].number == number)
            return &r->open[i];
    return NULL;
}

void run_close(struct run *r, struct open_step *s)
{
    free((char *)s->path.data);
    free((char *)s->name.data);
    free((char *)s->result.data);
    free((char *)s->match.data);
    *s = r->open[--r->open_count];
}

int64_t run_due(const struct run *r)
{
    int64_t first = 0;
    for (size_t i = 0; i < r->open_count; i++)
        if (r->open[i].due_ms != 0 && (first == 0 || r->open[i].due_ms < first))
            first = r->open[i].due_ms;
    return first;
}

static int tell_end(struct run *r, struct open_step *s, int64_t now_ms, struct bytes result, struct err *e)
{
    struct task_entry end = {
        .number = s->number, .kind = s->kind, .path = s->path, .name = s->name, .ended_ms = now_ms, .result = result};
    s->ended_ms = now_ms;
    return task_put(r->task, &end, e);
}

int run_done(struct run *r, struct open_step *s, int64_t now_ms, struct bytes result, struct err *e)
{
    s->result = bytes_copy(result);
    return s->result.data == NULL ? err_memory(e) : tell_end(r, s, now_ms, s->result, e);
}

struct open_step *run_to_ask(struct run *r)
{
    for (size_t i = 0; i < r->open_count; i++)
        if (r->open[i].kind == STEP_MANAGE && !r->open[i].asked)
            return &r->open[i];
    return NULL;
}

bool run_is_managing(const struct run *r)
{
    for (size_t i = 0; i < r->open_count; i++)
        if (r->open[i].kind == STEP_MANAGE)
            return true;
    return false;
}

int run_time_up(struct run *r, int64_t now_ms, struct err *e)
{
    int n = 0;
    for (size_t i = 0; i < r->open_count; i++) {
        struct open_step *s = &r->open[i];
        if (s->due_ms == 0 || s->due_ms > now_ms || s->ended_ms != 0)
            continue;
        if (tell_end(r, s, now_ms, RUN_NOTHING, e) != 0)
            return -1;
        n++;
    }
    return n > 0;
}
