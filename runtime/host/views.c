#include "host/views.h"

#include "core/request.h"
#include "host/view_parts.h"

enum { EVENT_SIZE = 160 /* without the ids of what it made */ };

static void append_ids(struct buf *out, const char *before, const struct uuid *ids, size_t count)
{
    buf_append_str(out, before);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        view_append_id(out, &ids[i]);
    }
}

/* One for each POST of an event: its keys are not looked at, as those of the other views are. */
void view_event(struct buf *out, const struct intake_result *r)
{
    (void)buf_reserve(out, EVENT_SIZE + (r->count + r->run_count) * UUID_TEXT_SIZE * 2);
    buf_append_str(out, "{\"id\":");
    view_append_id(out, &r->event);
    append_ids(out, ",\"deliveries\":[", r->ids, r->count);
    append_ids(out, "],\"runs\":[", r->runs, r->run_count);
    buf_append_str(out, "],\"woken\":");
    buf_append_int(out, (int64_t)r->woken);
    buf_append_str(out, r->duplicate ? ",\"duplicate\":true}" : ",\"duplicate\":false}");
}

void view_id(struct buf *out, const struct uuid *id, const char *state)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w, NULL);
    view_put_id(&w, "id", id);
    if (state != NULL)
        json_write_str(&w, "state", state);
    json_write_end(&w);
}

static bool is_sending(const struct dispatch *d, const struct store_delivery *row)
{
    return !delivery_state_final(row->state) && dispatch_sending(d, row->seq);
}

const char *view_state(const struct dispatch *d, const struct store_delivery *row)
{
    return delivery_state_name(is_sending(d, row) ? DELIVERY_SENDING : row->state);
}

static void put_summary(struct json_write *w, const struct dispatch *d, const struct store_delivery *row)
{
    view_put_id(w, "id", &row->id);
    json_write_bytes(w, "webhook", row->webhook);
    json_write_bytes(w, "integration", row->integration);
    json_write_str(w, "state", view_state(d, row));
    json_write_int(w, "attempt_count", row->attempts);
    json_write_time(w, "created_at", row->created_ms);
    json_write_time(w, "next_attempt_at", is_sending(d, row) ? 0 : row->due_ms);
    json_write_time(w, "finished_at", row->finished_ms);
    view_put_status(w, row->status);
    view_put_error(w, row->error, row->message);
}

void view_deliveries(struct buf *out, const struct dispatch *d, const struct store_read *r)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w, NULL);
    json_write_array(&w, "deliveries");
    for (size_t i = 0; i < r->count; i++) {
        json_write_object(&w, NULL);
        put_summary(&w, d, &r->rows[i]);
        json_write_end(&w);
    }
    json_write_end(&w);
    view_put_next(&w, r->more, r->next_before_seq);
    json_write_end(&w);
}

static void put_request(struct json_write *w, struct bytes stored)
{
    struct request_options o;
    if (stored.len == 0 || request_options_read(&o, stored, NULL) != 0) {
        json_write_null(w, "request");
        return;
    }
    json_write_object(w, "request");
    view_put_request(w, stored, "headers", "body", 0);
    json_write_bool(w, "idempotent", (o.flags & REQUEST_HAS_KEY) != 0);
    json_write_end(w);
}

static void put_attempt(struct json_write *w, const struct attempt *a)
{
    json_write_object(w, NULL);
    json_write_int(w, "number", a->number);
    json_write_int(w, "retry", a->number - 1);
    json_write_time(w, "started_at", a->started_ms);
    json_write_double(w, "duration_ms", (double)a->duration_us / 1000);
    view_put_status(w, a->status);
    view_put_error(w, a->error, bytes_of(a->message));
    view_put_response(w, a);
    json_write_end(w);
}

static void put_origin(struct json_write *w, const struct store_event *event)
{
    if (event->seq == 0) {
        json_write_null(w, "event");
        return;
    }
    json_write_object(w, "event");
    view_put_id(w, "id", &event->id);
    view_put_text(w, "key", event->key);
    json_write_bytes(w, "name", event->name);
    json_write_end(w);
}

/* {"id", "step"} of the run that made it; of one that is gone the id is null. */
static void put_run(struct json_write *w, const struct store_read *r)
{
    if (r->rows[0].run == 0) {
        json_write_null(w, "run");
        return;
    }
    json_write_object(w, "run");
    view_put_id(w, "id", &r->run_id);
    json_write_int(w, "step", r->rows[0].step);
    json_write_end(w);
}

/* The variables of the last response. A mapping that fails shows why in their place. */
static void put_vars(struct json_write *w, struct generation *g, const struct store_read *r)
{
    const struct attempt *last = r->attempt_count > 0 ? &r->attempts[r->attempt_count - 1] : NULL;
    if (g == NULL || last == NULL || last->status == 0)
        return;
    struct buf vars;
    struct err e;
    buf_init(&vars);
    if (generation_vars(g, r->rows[0].webhook, last->status, buf_view(&last->headers), buf_view(&last->body),
                        last->truncated, &vars, &e) != 0)
        json_write_str(w, "vars_error", e.message);
    else if (vars.len > 0)
        json_write_raw(w, "vars", buf_view(&vars));
    buf_fini(&vars);
}

void view_delivery(struct buf *out, const struct dispatch *d, struct generation *g, const struct store_read *r)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w, NULL);
    put_summary(&w, d, &r->rows[0]);
    put_origin(&w, &r->event);
    put_run(&w, r);
    put_request(&w, r->rows[0].request);
    json_write_array(&w, "attempts");
    for (size_t i = 0; i < r->attempt_count; i++)
        put_attempt(&w, &r->attempts[i]);
    json_write_end(&w);
    put_vars(&w, g, r);
    json_write_end(&w);
}
