#include "clients.h"

#include "oracle.h"
#include "owed.h"
#include "server.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t SEEN_MS = 12 * 3600 * MS_PER_S; /* an id is known for 24 h; the clock may be set meanwhile */
enum { BUCKETS = 1024 };

static struct ask *asks, **asks_end = &asks;
static struct ask *by_tag[BUCKETS];
static size_t waiting;

/* --- asks --------------------------------------------------------------------------------------------------------- */

static struct ask **bucket(const char *tag)
{
    return &by_tag[world_hash(tag, strlen(tag)) % BUCKETS];
}

struct ask *clients_add(const char *tag)
{
    struct ask *a = world_alloc(sizeof *a);
    snprintf(a->tag, sizeof a->tag, "%s", tag);
    a->began_ns = clock_now_ns();
    *asks_end = a;
    asks_end = &a->next;
    a->chain = *bucket(tag);
    *bucket(tag) = a;
    waiting++;
    return a;
}

struct ask *clients_find(const char *tag)
{
    struct ask *a = *bucket(tag);
    while (a != NULL && strcmp(a->tag, tag) != 0)
        a = a->chain;
    return a;
}

struct ask *clients_first(void)
{
    return asks;
}

bool clients_are_done(void)
{
    return waiting == 0;
}

int64_t clients_patience(void)
{
    return dice_spread(DICE_CLIENTS, 50 * NS_PER_MS, 30 * NS_PER_S);
}

bool clients_is_flow(const struct ask *a)
{
    return a->event != NULL && strcmp(a->event, "go") == 0;
}

bool clients_asked(const char *tag, const struct sim_webhook *w)
{
    const struct ask *a = clients_find(tag);
    return a != NULL && (owed_by(a, w) || (w->event == NULL && clients_is_flow(a)));
}

bool clients_once(const char *tag)
{
    const struct ask *a = clients_find(tag);
    return a != NULL && (a->keyed || a->tries <= 1);
}

/* --- events ------------------------------------------------------------------------------------------------------- */

void clients_put_data(struct buf *out, const struct ask *a)
{
    buf_printf(out, "{\"tag\":\"%s\",\"pause\":%d,\"step\":\"\",\"trace\":\"\",\"by\":\"%s\",\"pad\":\"", a->tag,
               (int)a->pause_s, a->tag);
    for (size_t i = 0; i < a->pad; i++)
        buf_append_char(out, 'p');
    buf_append_str(out, "\"}");
}

void clients_put_envelope(struct buf *out, const struct ask *a)
{
    buf_append_char(out, '{');
    if (a->keyed)
        buf_printf(out, "\"id\":\"key-%s\",", a->tag);
    buf_printf(out, "\"name\":\"%s\",\"data\":", a->event);
    clients_put_data(out, a);
    buf_append_char(out, '}');
}

void clients_acknowledge(struct ask *a)
{
    if (a->acknowledged)
        return;
    waiting--;
    a->acknowledged = true;
    a->acknowledged_ms = clock_wall_ms();
    a->acknowledged_ns = clock_now_ns();
    owed_since(a);
}

void clients_give_up(struct ask *a)
{
    if (!a->acknowledged)
        waiting--;
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
    if (count > ASK_IDS_MAX)
        violation("answer", "%s: %zu deliveries of one event", a->tag, count);
    a->id_count = count < ASK_IDS_MAX ? count : ASK_IDS_MAX;
}

static void take_run(struct ask *a, const json_t *runs)
{
    const char *text = json_string_value(json_array_get(runs, 0));
    if (clients_is_flow(a) && (text == NULL || uuid_parse(bytes_of(text), &a->run) != 0))
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
        world_at(&s->again, clock_now_ns() + clients_patience());
        return;
    }
    clients_give_up(s->ask);
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
    clients_acknowledge(a);
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

void clients_send(struct ask *a, struct buf *text)
{
    struct sending *s = world_alloc(sizeof *s);
    s->ask = a;
    s->text = *text;
    timer_init(&s->again, on_again);
    send_event(s);
}

static void begin(struct ask *a)
{
    struct buf text = {0};
    clients_put_envelope(&text, a);
    note("%s: event %s%s", a->tag, a->event, a->keyed ? "" : ", without an id");
    clients_send(a, &text);
}

void clients_event(int number, const char *event, bool keyed, size_t pad, int64_t pause_s)
{
    char tag[SIM_TAG];
    snprintf(tag, sizeof tag, "e%d", number);
    struct ask *a = clients_add(tag);
    a->event = event;
    a->keyed = keyed;
    a->pad = pad;
    a->pause_s = pause_s;
    begin(a);
}

bool clients_has_ids(const struct ask *a)
{
    return a->id_count > 0;
}

struct ask *clients_pick(uint64_t pick, bool (*fits)(const struct ask *))
{
    uint64_t n = 0;
    for (struct ask *a = asks; a != NULL; a = a->next)
        n += fits(a);
    if (n == 0)
        return NULL;
    n = pick % n;
    for (struct ask *a = asks; a != NULL; a = a->next)
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
    struct ask *a = clients_pick(pick, may_come_again);
    if (a != NULL)
        begin(a);
}
