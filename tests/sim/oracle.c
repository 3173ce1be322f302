#include "oracle.h"

#include "clients.h"
#include "disk.h"
#include "host/api.h"
#include "owed.h"
#include "pace.h"
#include "rates.h"
#include "rule.h"
#include "traces.h"
#include "turns.h"

#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096, LOOK_EVERY = 256, DISK_TIMES = 5 };
static const size_t MEMORY_MAX = 64 << 20, ANSWERS_MAX = 40 << 20;

static struct delivery *by_id[BUCKETS], *by_tag[BUCKETS];
static uint64_t looks, all_hash;

/* --- the table ---------------------------------------------------------------------------------------------------- */

static struct delivery **bucket(const struct uuid *id)
{
    uint32_t h;
    memcpy(&h, id->b + 12, sizeof h); /* its random end */
    return &by_id[h % BUCKETS];
}

struct delivery *oracle_find(const struct uuid *id)
{
    struct delivery *d = *bucket(id);
    while (d != NULL && memcmp(&d->id, id, sizeof *id) != 0)
        d = d->chain;
    return d;
}

static struct delivery **tag_bucket(const char *tag)
{
    return &by_tag[world_hash(tag, strlen(tag)) % BUCKETS];
}

struct delivery *oracle_find_by(const char *tag, const char *webhook, const char *step)
{
    for (struct delivery *d = *tag_bucket(tag); d != NULL; d = d->tag_chain)
        if (strcmp(d->tag, tag) == 0 && strcmp(d->webhook->name, webhook) == 0 && strcmp(d->step, step) == 0)
            return d;
    return NULL;
}

static const char *name_of(const struct delivery *d)
{
    static char text[128], id[UUID_TEXT_SIZE];
    uuid_format(&d->id, id);
    snprintf(text, sizeof text, "%s %s of %s%s%s", d->webhook->name, id, d->tag, *d->step ? " " : "", d->step);
    return text;
}

static void copy_member(char *out, size_t size, const json_t *body, const char *name)
{
    const char *s = json_string_value(json_object_get(body, name));
    snprintf(out, size, "%s", s != NULL ? s : "");
}

/* What its body says that it is of. */
static void read_body(struct delivery *d, struct bytes request)
{
    struct request_view v;
    struct err e;
    if (request_view_read(&v, request, &e) != 0) {
        violation("request", "%s: %s", name_of(d), e.message);
        return;
    }
    json_t *body = json_loadb(v.body.bytes.data, v.body.bytes.len, 0, NULL);
    copy_member(d->tag, sizeof d->tag, body, "tag");
    copy_member(d->step, sizeof d->step, body, "step");
    if (d->webhook->event == NULL)
        traces_sent(d, json_string_value(json_object_get(body, "trace")));
    json_decref(body);
}

static struct delivery *add(const struct live *l)
{
    const struct sim_webhook *w = scripts_webhook(l->webhook);
    if (w == NULL) {
        violation("cause", "a webhook that does not exist is sent: %.*s", (int)l->webhook.len, l->webhook.data);
        return NULL;
    }
    struct delivery *d = world_alloc(sizeof *d), **at = bucket(&l->id);
    d->id = l->id;
    d->webhook = w;
    d->hash = world_hash(l->request.data, l->request.len);
    read_body(d, l->request);
    if (oracle_find_by(d->tag, w->name, d->step) != NULL && clients_once(d->tag))
        violation("once", "%s: there is another delivery of the same", name_of(d));
    d->chain = *at;
    *at = d;
    d->tag_chain = *tag_bucket(d->tag);
    *tag_bucket(d->tag) = d;
    owed_no_more(d->tag, w);
    if (!clients_asked(d->tag, w))
        violation("cause", "%s: nobody asked for it", name_of(d));
    turns_sent(d);
    return d;
}

static struct delivery *find_or_add(const struct live *l)
{
    struct delivery *d = oracle_find(&l->id);
    return d != NULL ? d : add(l);
}

/* --- by the rule of retries --------------------------------------------------------------------------------------- */

static void check_window(const struct delivery *d, const struct sent *first, int64_t now_ms)
{
    if (first != NULL && now_ms - first->at_ms > d->webhook->within_ms + RULE_GRAIN_MS)
        violation("retry",
                  "%s: sent again %" PRId64 " ms after its first attempt, later than the window of %" PRId64 " ms",
                  name_of(d), now_ms - first->at_ms, d->webhook->within_ms);
}

/* The last attempt's outcome is in the record, for sure. */
static void check_retry(const struct delivery *d, const struct sent *last, int64_t now_ms)
{
    const struct sent *first;
    int tries = rule_count(d, &first);
    if (!rule_repeatable(d, last))
        violation("retry", "%s: sent again after an outcome that is final (status %d, class %d)", name_of(d),
                  last->status, (int)last->class);
    else if (tries > d->webhook->delay_count)
        violation("retry", "%s: attempt %d of a series", name_of(d), tries + 1);
    else if (now_ms - last->end_ms < rule_least_ms(d, first, last, tries) - RULE_GRAIN_MS)
        violation("retry", "%s: sent again after %" PRId64 " ms instead of %" PRId64, name_of(d), now_ms - last->end_ms,
                  rule_least_ms(d, first, last, tries));
    check_window(d, first, now_ms);
}

/* It was in flight, or not yet recorded, when the host died: whether it goes on is a question of the key. */
static void check_after_crash(struct delivery *d, const struct sent *last, int64_t now_ms)
{
    const struct sent *first;
    if (!d->webhook->key && !(last->told && last->class == ATTEMPT_NEVER_LEFT))
        violation("keyless", "%s: in flight at a crash, and sent again without a key", name_of(d));
    if (rule_count(d, &first) > d->webhook->delay_count)
        violation("retry", "%s: attempt %d of a series", name_of(d), rule_count(d, &first) + 1);
    check_window(d, first, now_ms);
}

static void check_send(struct delivery *d)
{
    const struct sent *last = d->last;
    int64_t now_ms = clock_wall_ms();
    if (last != NULL && !last->told && !d->at_risk && last->life == world.life)
        violation("double", "%s: sent again while attempt %d is in flight", name_of(d), last->number);
    else if (d->resend_asked) {
        d->series = NULL;
        d->doubtful = !d->resend_sure;
        d->resend_asked = d->resends > 0;
        d->resend_taken = d->resend_sure = false;
    } else if (last == NULL)
        return;
    else if (d->at_risk)
        check_after_crash(d, last, now_ms);
    else if (!last->told)
        violation("double", "%s: sent again while attempt %d is in flight", name_of(d), last->number);
    else
        check_retry(d, last, now_ms);
}

/* --- what happens ------------------------------------------------------------------------------------------------- */

static const struct flight *flight_of(const struct exchange *x)
{
    return (const struct flight *)((const char *)x - offsetof(struct flight, exchange));
}

/* It has come; or nobody knows any more whether it will. */
static void forget_resend(struct delivery *d)
{
    if (d->resend_owed)
        pace_fresh(d->webhook->integration, false);
    d->resend_owed = false;
}

struct sent *oracle_sent(const struct exchange *x, int integration, int in_flight)
{
    const struct live *l = flight_of(x)->live;
    struct delivery *d = find_or_add(l);
    if (d == NULL)
        return NULL;
    if (d->hash != world_hash(x->request.data, x->request.len))
        violation("bytes", "%s: another request than before", name_of(d));
    if (d->webhook->integration != integration)
        violation("cause", "%s: sent to i%d", name_of(d), integration);
    check_send(d);
    forget_resend(d);
    pace_sent(d, in_flight);
    rates_sent(integration, in_flight);
    d->at_risk = false;
    struct sent *s = world_alloc(sizeof *s);
    *s = (struct sent){
        .of = d, .life = world.life, .number = x->attempt.number, .at_ns = clock_now_ns(), .at_ms = clock_wall_ms()};
    s->needs_json = d->webhook->needs_json;
    if (d->last != NULL)
        d->last->next = s;
    else
        d->first = s;
    d->last = s;
    if (d->series == NULL)
        d->series = s;
    all_hash = (all_hash ^ d->hash ^ (uint64_t)s->at_ns) * 1099511628211u;
    note("i%d gets %s, attempt %d", integration, name_of(d), s->number);
    return s;
}

void oracle_told(struct sent *s, const struct attempt *a, int64_t token, bool no_json, int in_flight)
{
    s->told = true;
    s->end_ns = clock_now_ns();
    s->end_ms = clock_wall_ms();
    s->class = a->class;
    s->error = a->error;
    s->status = a->status;
    s->retry_after_ms = a->retry_after_ms;
    s->token = token;
    s->bad = no_json && s->needs_json && attempt_succeeded(a);
    pace_told(s->of, in_flight);
    if (oracle_succeeded(s))
        traces_answered(s->of);
}

bool oracle_succeeded(const struct sent *s)
{
    return s->told && s->status / 100 == 2 && !s->bad;
}

void oracle_resend_asked(struct delivery *d)
{
    d->resends++;
    d->resend_asked = true;
}

void oracle_resend_answered(struct delivery *d, int status, bool alone)
{
    d->resends--;
    if (status == 202 || status == 503 || status == 0)
        d->resend_taken = true;
    if (status == 202)
        d->resend_sure = true;
    if (status == 202 && alone) {
        d->resend_owed = true;
        pace_fresh(d->webhook->integration, true);
    }
    if (d->resends == 0 && !d->resend_taken)
        d->resend_asked = false;
}

/* What is in flight or on its way into the record now may be in it or not. Returns how many there are. */
static size_t note_risks(void)
{
    turns_life_ends();
    const struct live_table *t = world.api != NULL ? &world.api->dispatch->live : NULL;
    size_t n = 0;
    for (size_t i = 0; t != NULL && i < t->size; i++)
        for (const struct live *l = t->buckets[i]; l != NULL; l = l->chain) {
            struct delivery *d = l->flight != NULL ? find_or_add(l) : NULL;
            if (d == NULL)
                continue;
            n++;
            d->at_risk = d->was_at_risk = true;
            if (d->last != NULL && d->last->life == world.life)
                d->last->unsure = true;
        }
    return n;
}

/* What has no key may have been marked. */
static void end_life(void)
{
    pace_life_ends();
    owed_life_ends();
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct delivery *d = by_id[i]; d != NULL; d = d->chain)
            if (!d->webhook->key)
                forget_resend(d);
}

void oracle_crashed(void)
{
    (void)note_risks();
    end_life();
}

void oracle_stopped(bool waited)
{
    size_t n = note_risks();
    if (n > 0 && waited)
        violation("stop", "stopped in order with %zu deliveries in flight", n);
    end_life();
}

uint64_t oracle_hash(void)
{
    return all_hash;
}

/* --- now and then ------------------------------------------------------------------------------------------------- */

/* Answers that are not in the record yet. */
static size_t answers(const struct live_table *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->size; i++)
        for (const struct live *l = t->buckets[i]; l != NULL; l = l->chain)
            n += l->flight != NULL ? l->flight->exchange.attempt.body.cap : 0;
    return n;
}

static void check_heap(void)
{
    struct mallinfo2 m = mallinfo2();
    /* The disk is in memory too, as it is and as it was synced. */
    size_t disk = DISK_TIMES * (size_t)disk_used(world.disk) + (size_t)disk_unsynced(world.disk);
    if (m.uordblks + m.hblkhd > MEMORY_MAX + disk)
        violation("memory", "%zu MiB are in use", (m.uordblks + m.hblkhd - disk) >> 20);
}

void oracle_look(void)
{
    if (++looks % LOOK_EVERY != 0)
        return;
    check_heap();
    pace_look();
    if (world.api == NULL)
        return;
    const struct dispatch *d = world.api->dispatch;
    if (d->bytes > LANE_ALL_BYTES + SIM_INTEGRATIONS * LANE_WINDOW_BYTES)
        violation("memory", "the lanes hold %zu bytes", d->bytes);
    if (answers(&d->live) > ANSWERS_MAX)
        violation("memory", "%zu MiB of answers wait for the disk", answers(&d->live) >> 20);
}
