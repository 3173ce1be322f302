#include "clients.h"

#include "oracle.h"
#include "rates.h"
#include "server.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t AGAIN_MAX_NS = 30 * NS_PER_S;
static const int64_t SEEN_MS = 12 * 3600 * MS_PER_S; /* an id is known for 24 h; the clock may be set meanwhile */
enum { BATCH_MAX = 64, BUCKETS = 1024 };

static struct ask *asks, **asks_end = &asks;
static struct ask *by_tag[BUCKETS];
static size_t waiting;

/* --- asks --------------------------------------------------------------------------------------------------------- */

static struct ask **bucket(const char *tag)
{
    return &by_tag[world_hash(tag, strlen(tag)) % BUCKETS];
}

static struct ask *add(const char *tag)
{
    struct ask *a = world_alloc(sizeof *a);
    snprintf(a->tag, sizeof a->tag, "%s", tag);
    *asks_end = a;
    asks_end = &a->next;
    a->chain = *bucket(tag);
    *bucket(tag) = a;
    waiting++;
    return a;
}

static struct ask *find(const char *tag)
{
    struct ask *a = *bucket(tag);
    while (a != NULL && strcmp(a->tag, tag) != 0)
        a = a->chain;
    return a;
}

const struct ask *clients_find(const char *tag)
{
    return find(tag);
}

const struct ask *clients_first(void)
{
    return asks;
}

bool clients_are_done(void)
{
    return waiting == 0;
}

static bool is_flow(const struct ask *a)
{
    return a->event != NULL && strcmp(a->event, "go") == 0;
}

bool clients_asked(const char *tag, const struct sim_webhook *w)
{
    const struct ask *a = find(tag);
    if (a == NULL)
        return false;
    if (a->event == NULL)
        return a->webhook == w;
    return w->event != NULL ? strcmp(w->event, a->event) == 0 : is_flow(a);
}

bool clients_once(const char *tag)
{
    const struct ask *a = find(tag);
    return a != NULL && (a->keyed || a->tries <= 1);
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static void put_data(struct buf *out, const struct ask *a)
{
    buf_printf(out, "{\"tag\":\"%s\",\"pause\":%d,\"step\":\"\",\"trace\":\"\",\"by\":\"%s\",\"pad\":\"", a->tag,
               (int)a->pause_s, a->tag);
    for (size_t i = 0; i < a->pad; i++)
        buf_append_char(out, 'p');
    buf_append_str(out, "\"}");
}

static void put_envelope(struct buf *out, const struct ask *a)
{
    buf_append_char(out, '{');
    if (a->keyed)
        buf_printf(out, "\"id\":\"key-%s\",", a->tag);
    buf_printf(out, "\"name\":\"%s\",\"data\":", a->event);
    put_data(out, a);
    buf_append_char(out, '}');
}

static void acknowledge(struct ask *a)
{
    if (!a->acknowledged)
        waiting--;
    if (!a->acknowledged) {
        a->acknowledged_ms = clock_wall_ms();
        a->acknowledged_ns = clock_now_ns();
    }
    a->acknowledged = true;
}

static void take_ids(struct ask *a, const json_t *ids)
{
    size_t count = json_array_size(ids);
    if (a->id_count > 0 && count != a->id_count)
        violation("once", "%s: %zu deliveries, then %zu", a->tag, a->id_count, count);
    for (size_t i = 0; i < count && i < ASK_IDS_MAX; i++) {
        struct uuid id;
        const char *text = json_string_value(json_array_get(ids, i));
        if (text == NULL || uuid_parse(bytes_of(text), &id) != 0)
            violation("answer", "%s: a delivery without an id", a->tag);
        else if (a->id_count > i && memcmp(&a->ids[i], &id, sizeof id) != 0)
            violation("once", "%s: acknowledged twice, as other deliveries", a->tag);
        else
            a->ids[i] = id;
    }
    a->id_count = count;
}

static void take_run(struct ask *a, const json_t *runs)
{
    const char *text = json_string_value(json_array_get(runs, 0));
    if (is_flow(a) && (text == NULL || uuid_parse(bytes_of(text), &a->run) != 0))
        violation("answer", "%s: acknowledged without a run", a->tag);
}

struct sending { /* one try of one ask */
    struct timer again;
    struct ask *ask;
    struct buf text;
};

static void send_event(struct sending *s);

static void end_sending(struct sending *s)
{
    buf_fini(&s->text);
    free(s);
}

static void on_again(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    send_event((struct sending *)t);
}

/* With an id of its own it is sent again; without one nobody may know whether it arrived. */
static void try_again(struct sending *s)
{
    if (s->ask->keyed) {
        world_at(&s->again, clock_now_ns() + dice_spread(DICE_CLIENTS, 50 * NS_PER_MS, AGAIN_MAX_NS));
        return;
    }
    if (!s->ask->acknowledged)
        waiting--;
    end_sending(s);
}

static void on_event_answer(void *ud, int status, struct bytes json)
{
    struct sending *s = ud;
    struct ask *a = s->ask;
    if (status != 202) {
        if (status != 0 && status != 503)
            violation("answer", "%s: %d %.*s", a->tag, status, (int)json.len, json.data);
        try_again(s);
        return;
    }
    json_t *answer = json_loadb(json.data, json.len, 0, NULL);
    if (a->acknowledged && !json_is_true(json_object_get(answer, "duplicate")))
        violation("once", "%s: accepted twice", a->tag);
    take_ids(a, json_object_get(answer, "deliveries"));
    take_run(a, json_object_get(answer, "runs"));
    acknowledge(a);
    note("%s is acknowledged", a->tag);
    json_decref(answer);
    end_sending(s);
}

static void send_event(struct sending *s)
{
    if (!server_is_open()) {
        try_again(s);
        return;
    }
    struct api_call *c = server_call(on_event_answer, s);
    s->ask->tries++;
    if (server_may_accept(c))
        server_ops()->event(server_ops_ud(), buf_view(&s->text), c);
}

static void begin(struct ask *a)
{
    struct sending *s = world_alloc(sizeof *s);
    s->ask = a;
    put_envelope(&s->text, a);
    timer_init(&s->again, on_again);
    note("%s: event %s%s", a->tag, a->event, a->keyed ? "" : ", without an id");
    send_event(s);
}

void clients_event(int number, const char *event, bool keyed, size_t pad, int64_t pause_s)
{
    char tag[SIM_TAG];
    snprintf(tag, sizeof tag, "e%d", number);
    struct ask *a = add(tag);
    a->event = event;
    a->keyed = keyed;
    a->pad = pad;
    a->pause_s = pause_s;
    begin(a);
}

static const struct ask *pick_ask(uint64_t pick, bool (*fits)(const struct ask *))
{
    uint64_t n = 0;
    for (const struct ask *a = asks; a != NULL; a = a->next)
        n += fits(a);
    if (n == 0)
        return NULL;
    n = pick % n;
    for (const struct ask *a = asks; a != NULL; a = a->next)
        if (fits(a) && n-- == 0)
            return a;
    return NULL;
}

static bool may_come_again(const struct ask *a)
{
    int64_t age = clock_wall_ms() - a->acknowledged_ms;
    return a->keyed && a->acknowledged && age >= 0 && age < SEEN_MS;
}

void clients_again(uint64_t pick)
{
    struct ask *a = (struct ask *)pick_ask(pick, may_come_again);
    if (a != NULL)
        begin(a);
}

void clients_approve(int number, int flow_number)
{
    char tag[SIM_TAG], flow[SIM_TAG];
    snprintf(tag, sizeof tag, "e%d", number);
    snprintf(flow, sizeof flow, "e%d", flow_number);
    if (find(flow) == NULL)
        return;
    struct ask *a = add(tag);
    a->event = "approve";
    a->keyed = true;
    a->flow = find(flow);
    struct sending *s = world_alloc(sizeof *s);
    s->ask = a;
    timer_init(&s->again, on_again);
    buf_printf(&s->text, "{\"id\":\"key-%s\",\"name\":\"approve\",\"data\":{\"tag\":\"%s\",\"by\":\"%s\"}}", tag, flow,
               tag);
    note("%s: %s is approved", tag, flow);
    send_event(s);
}

/* --- batches ------------------------------------------------------------------------------------------------------ */

struct batch {
    struct timer again;
    struct ask *asks[BATCH_MAX];
    struct buf texts[BATCH_MAX];
    struct bytes lines[BATCH_MAX];
    size_t count;
};

static void send_batch(struct batch *b);

static void on_line(void *ud, size_t line, enum api_line_result result)
{
    struct batch *b = ud;
    struct ask *a = b->asks[line];
    if (result == API_LINE_REJECTED)
        return;
    if (a->acknowledged && result != API_LINE_DUPLICATE)
        violation("once", "%s: accepted twice", a->tag);
    acknowledge(a);
}

static void on_batch_again(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    send_batch((struct batch *)t);
}

static void on_batch_end(void *ud, int status, struct bytes json)
{
    struct batch *b = ud;
    (void)status, (void)json;
    bool all = true;
    for (size_t i = 0; i < b->count; i++)
        all = all && b->asks[i]->acknowledged;
    if (!all) {
        world_at(&b->again, clock_now_ns() + dice_spread(DICE_CLIENTS, 50 * NS_PER_MS, AGAIN_MAX_NS));
        return;
    }
    for (size_t i = 0; i < b->count; i++)
        buf_fini(&b->texts[i]);
    free(b);
}

static void send_batch(struct batch *b)
{
    if (!server_is_open()) {
        on_batch_end(b, 0, (struct bytes){NULL, 0});
        return;
    }
    for (size_t i = 0; i < b->count; i++)
        b->asks[i]->tries++;
    server_batch(b->lines, b->count, on_line, on_batch_end, b);
}

void clients_batch(int number, const char *event, size_t count, size_t pad)
{
    struct batch *b = world_alloc(sizeof *b);
    timer_init(&b->again, on_batch_again);
    b->count = count < BATCH_MAX ? count : BATCH_MAX;
    for (size_t i = 0; i < b->count; i++) {
        char tag[SIM_TAG];
        snprintf(tag, sizeof tag, "e%d.%zu", number, i);
        struct ask *a = b->asks[i] = add(tag);
        a->event = event;
        a->keyed = true;
        a->pad = pad;
        put_envelope(&b->texts[i], a);
        b->lines[i] = buf_view(&b->texts[i]);
    }
    note("e%d: a batch of %zu %s", number, b->count, event);
    send_batch(b);
}

/* --- direct calls ------------------------------------------------------------------------------------------------- */

static void on_call_answer(void *ud, int status, struct bytes json)
{
    struct ask *a = ud;
    waiting--;
    if (status == 0 || status == 503)
        return;
    json_t *answer = json_loadb(json.data, json.len, 0, NULL);
    const char *id = json_string_value(json_object_get(answer, "id"));
    if ((status != 200 && status != 202) || id == NULL || uuid_parse(bytes_of(id), &a->ids[0]) != 0)
        violation("answer", "%s: a call is answered %d %.*s", a->tag, status, (int)json.len, json.data);
    a->id_count = 1;
    a->acknowledged = true;
    a->acknowledged_ms = clock_wall_ms();
    json_decref(answer);
}

void clients_call(int number, const struct sim_webhook *w, bool wait)
{
    char tag[SIM_TAG];
    struct buf data;
    if (!server_is_open())
        return;
    snprintf(tag, sizeof tag, "e%d", number);
    struct ask *a = add(tag);
    a->webhook = w;
    a->tries = 1;
    buf_init(&data);
    put_data(&data, a);
    note("%s: webhook %s is called", tag, w->name);
    struct api_call *c = server_call(on_call_answer, a);
    if (server_may_accept(c))
        server_ops()->webhook(server_ops_ud(), w->name, buf_view(&data), wait ? 10000 : -1, c);
    buf_fini(&data);
}

/* --- what people do ----------------------------------------------------------------------------------------------- */

static bool has_ids(const struct ask *a)
{
    return a->id_count > 0;
}

static void on_resent(void *ud, int status, struct bytes json)
{
    struct uuid *id = ud;
    if (status == 409 || status == 404)
        oracle_resend_refused(id);
    free(id);
    if (status != 0 && status != 202 && status != 409 && status != 503 && status != 404)
        violation("answer", "a resend is answered %d %.*s", status, (int)json.len, json.data);
}

void clients_resend(uint64_t pick)
{
    const struct ask *a = pick_ask(pick, has_ids);
    if (a == NULL || !server_is_open())
        return;
    const struct uuid *id = &a->ids[(pick >> 32) % a->id_count];
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    note("%s: %s is sent again by hand", a->tag, text);
    oracle_resend_asked(id);
    struct uuid *mine = world_alloc(sizeof *mine);
    *mine = *id;
    struct api_call *c = server_call(on_resent, mine);
    if (server_may_accept(c))
        server_ops()->resend(server_ops_ud(), *id, c);
}

static bool is_running(const struct ask *a)
{
    return is_flow(a) && a->acknowledged;
}

static void on_canceled(void *ud, int status, struct bytes json)
{
    (void)ud;
    if (status != 0 && status != 202 && status != 409 && status != 503 && !(status == 404 && world.keep_ms > 0))
        violation("answer", "a cancel is answered %d %.*s", status, (int)json.len, json.data);
}

void clients_cancel(uint64_t pick)
{
    struct ask *a = (struct ask *)pick_ask(pick, is_running);
    if (a == NULL || !server_is_open())
        return;
    note("%s: its run is canceled", a->tag);
    a->cancel_asked = true;
    struct api_call *c = server_call(on_canceled, NULL);
    if (server_may_accept(c))
        server_ops()->run_order(server_ops_ud(), a->run, API_CANCEL, c);
}

struct reload {
    int variant;
    bool alone; /* no other one is under way */
};

static int reloading;

static void on_reloaded(void *ud, int status, struct bytes json)
{
    struct reload *r = ud;
    reloading--;
    if (status == 200 && r->alone && reloading == 0)
        rates_are(r->variant);
    else if (status == 422 || status == 400)
        (void)scripts_settle();
    if (r->variant >= 0 && status != 200 && status != 0 && status != 503)
        violation("answer", "a reload is answered %d %.*s", status, (int)json.len, json.data);
    free(r);
}

void clients_reload(int variant)
{
    if (!server_is_open())
        return;
    note("scripts %d are loaded", variant);
    if (variant >= 0) {
        scripts_write(variant);
        rates_may_be(variant);
    } else
        scripts_write_broken();
    struct reload *r = world_alloc(sizeof *r);
    r->variant = variant;
    r->alone = reloading++ == 0;
    server_ops()->reload(server_ops_ud(), server_call(on_reloaded, r));
}

static void on_looked(void *ud, int status, struct bytes json)
{
    (void)ud;
    if (status != 0 && status != 200 && status != 404 && status != 503 && status != 500)
        violation("answer", "a look is answered %d %.*s", status, (int)json.len, json.data);
    if (json.len > 0 && memmem(json.data, json.len, SIM_SECRET, strlen(SIM_SECRET)) != NULL)
        violation("secret", "the secret is in an answer");
}

void clients_look(uint64_t pick)
{
    if (!server_is_open())
        return;
    struct api_filter f = {.state = -1, .limit = 100};
    struct buf metrics;
    struct api_call *c = server_call(on_looked, NULL);
    const struct ask *a = pick_ask(pick >> 8, has_ids);
    switch (pick % 4) {
    case 0:
        server_ops()->deliveries(server_ops_ud(), &f, c);
        break;
    case 1:
        server_ops()->runs(server_ops_ud(), &f, c);
        break;
    case 2:
        server_ops()->delivery(server_ops_ud(), a != NULL ? a->ids[0] : (struct uuid){0}, c);
        break;
    default:
        buf_init(&metrics);
        server_ops()->metrics(server_ops_ud(), &metrics);
        buf_fini(&metrics);
        server_ops()->listing(server_ops_ud(), API_STATUS, c);
    }
}
