#include "host/views.h"

#include "core/json_scan.h"
#include "host/view_parts.h"

/* What is JSON already; nothing is null. */
static void put_raw(struct json_write *w, const char *key, struct bytes json)
{
    if (json.len > 0)
        json_write_raw(w, key, json);
    else
        json_write_null(w, key);
}

static void put_summary(struct json_write *w, const struct store_run *r)
{
    view_put_id(w, "id", &r->id);
    json_write_bytes(w, "flow", r->flow);
    view_put_text(w, "key", r->key);
    json_write_str(w, "state", run_state_name(r->state));
    json_write_int(w, "step_count", r->steps);
    json_write_time(w, "created_at", r->created_ms);
    json_write_time(w, "due_at", r->due_ms);
    json_write_time(w, "finished_at", r->finished_ms);
    view_put_text(w, "error", r->message);
}

/* --- the log ---------------------------------------------------------------------------------------------------- */

static void put_row(struct json_write *w, const struct store_run *r)
{
    json_write_object(w, NULL);
    put_summary(w, r);
    if (r->event_seq == 0)
        json_write_null(w, "event");
    else {
        json_write_object(w, "event");
        view_put_id(w, "id", &r->event_id);
        json_write_end(w);
    }
    json_write_end(w);
}

void view_runs(struct buf *out, const struct store_read_runs *r)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w, NULL);
    json_write_array(&w, "runs");
    for (size_t i = 0; i < r->count; i++)
        put_row(&w, &r->runs[i]);
    json_write_end(&w);
    view_put_next(&w, r->base.more, r->base.next_before_seq);
    json_write_end(&w);
}

/* --- events ----------------------------------------------------------------------------------------------------- */

/* Inside an object: what an envelope holds. "id" in it is the client's: the key. */
static void put_envelope(struct json_write *w, struct bytes envelope)
{
    put_raw(w, "key", json_scan_member(envelope, "id"));
    put_raw(w, "name", json_scan_member(envelope, "name"));
    struct bytes data = json_scan_member(envelope, "data");
    json_write_raw(w, "data", data.len > 0 ? data : (struct bytes){"{}", 2});
}

static void put_origin(struct json_write *w, const struct store_run *r)
{
    if (r->input.len == 0) {
        json_write_null(w, "event");
        return;
    }
    json_write_object(w, "event");
    if (r->event_seq != 0)
        view_put_id(w, "id", &r->event_id);
    else
        json_write_null(w, "id");
    put_envelope(w, r->input);
    json_write_end(w);
}

/* --- steps ------------------------------------------------------------------------------------------------------ */

/* The key of a wait is an array: the event's name, and a path and a value in turn. Shown as {path: value}. */
static void put_match(struct json_write *w, struct bytes key)
{
    struct bytes path, value;
    if (!json_scan_next(&key, &path)) {
        json_write_null(w, "match");
        return;
    }
    json_write_raw(w, "match", (struct bytes){"{", 1});
    for (int n = 0; json_scan_next(&key, &path) && json_scan_next(&key, &value); n++) {
        if (n > 0)
            buf_append_char(w->out, ',');
        buf_append_bytes(w->out, path);
        buf_append_char(w->out, ':');
        buf_append_bytes(w->out, value);
    }
    buf_append_char(w->out, '}');
}

static void put_answer(struct json_write *w, const struct attempt *a)
{
    view_put_status(w, a == NULL ? 0 : a->status);
    if (a == NULL)
        return;
    json_write_double(w, "duration_ms", (double)a->duration_us / 1000);
    if (a->status == 0)
        return;
    view_put_answer(w, a);
}

static void put_call(struct json_write *w, const struct store_step *s)
{
    json_write_object(w, "result");
    put_raw(w, "ok", json_scan_member(s->result, "ok"));
    put_raw(w, "attempts", json_scan_member(s->result, "attempts"));
    put_raw(w, "error", json_scan_member(s->result, "error"));
    put_answer(w, s->answer);
    json_write_end(w);
}

/* {"id", "event": envelope} in the journal; null: time was up. */
static void put_arrived(struct json_write *w, const struct store_step *s)
{
    struct bytes envelope = json_scan_member(s->result, "event");
    if (envelope.len == 0) {
        json_write_null(w, "result");
        return;
    }
    json_write_object(w, "result");
    put_raw(w, "id", json_scan_member(s->result, "id"));
    put_envelope(w, envelope);
    json_write_end(w);
}

static void put_result(struct json_write *w, const struct store_step *s)
{
    if (s->ended_ms == 0)
        json_write_null(w, "result");
    else if (s->kind == STEP_CALL)
        put_call(w, s);
    else if (s->kind == STEP_WAIT)
        put_arrived(w, s);
    else
        put_raw(w, "result", s->result);
}

static void put_step(struct json_write *w, const struct store_step *s)
{
    static const struct uuid none = {{0}};
    bool sends = (s->kind == STEP_CALL || s->kind == STEP_SEND);
    json_write_object(w, NULL);
    json_write_int(w, "number", s->number);
    json_write_bytes(w, "path", s->path);
    json_write_str(w, "kind", step_kind_name(s->kind));
    json_write_bytes(w, "name", s->name);
    json_write_str(w, "state", s->ended_ms == 0 ? "open" : "done");
    json_write_time(w, "started_at", s->started_ms);
    json_write_time(w, "ended_at", s->ended_ms);
    json_write_time(w, "due_at", s->due_ms);
    put_match(w, s->match);
    view_put_id(w, "delivery", sends ? &s->delivery : &none);
    put_result(w, s);
    json_write_end(w);
}

void view_run(struct buf *out, const struct store_read_runs *r)
{
    const struct store_run *run = &r->runs[0];
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w, NULL);
    put_summary(&w, run);
    put_origin(&w, run);
    put_raw(&w, "result", run->result);
    json_write_array(&w, "steps");
    for (size_t i = 0; i < run->step_count; i++)
        put_step(&w, &r->steps[run->first_step + i]);
    json_write_end(&w);
    json_write_end(&w);
}
