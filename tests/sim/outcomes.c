#include "outcomes.h"

#include "asking.h"
#include "core/delivery.h"
#include "faults.h"
#include "rule.h"
#include "text.h"

#include <string.h>

static const int64_t RECORDED_NS = 5 * NS_PER_S; /* a sound host has written it down by then, by far */

static int status_of(const json_t *attempt)
{
    return (int)json_integer_value(json_object_get(attempt, "status"));
}

static const char *kind_of(const json_t *o)
{
    return text(json_object_get(o, "error"), "kind");
}

static bool same(const struct sent *s, const json_t *attempt)
{
    return s->told && s->at_ms == asking_time(attempt, "started_at") &&
           s->number == json_integer_value(json_object_get(attempt, "number")) && s->status == status_of(attempt) &&
           (s->bad || strcmp(attempt_error_name(s->error), kind_of(attempt)) == 0);
}

/* The next attempt of the log that is not what a restart has written of a crash. */
static json_t *next_attempt(const json_t *attempts, size_t *i)
{
    while (*i < json_array_size(attempts)) {
        json_t *a = json_array_get(attempts, (*i)++);
        if (strcmp(kind_of(a), "crash") != 0)
            return a;
    }
    return NULL;
}

/* The log holds each attempt that the host was told of, in order; it may lack those of which it was told when it died.
 */
static void check_attempts(const struct delivery *d, const json_t *log)
{
    const json_t *attempts = json_object_get(log, "attempts");
    size_t i = 0;
    json_t *a = next_attempt(attempts, &i);
    for (const struct sent *s = d->first; s != NULL; s = s->next) {
        if (a != NULL && same(s, a))
            a = next_attempt(attempts, &i);
        else if (s->told && !s->unsure)
            violation("log", "%s %s: attempt %d (status %d) is not in the log", d->tag, d->webhook->name, s->number,
                      s->status);
    }
    if (a != NULL)
        violation("log", "%s %s: the log holds an attempt %d that no receiver has seen", d->tag, d->webhook->name,
                  (int)json_integer_value(json_object_get(a, "number")));
}

static bool may_be_unknown(const struct delivery *d)
{
    if (d->webhook->key)
        return false;
    return d->was_at_risk || (d->last != NULL && d->last->told && d->last->class == ATTEMPT_AMBIGUOUS);
}

/* Because the window was over, or because the rule has no further attempt. */
static void check_given_up(const struct delivery *d, const json_t *log)
{
    bool window = strcmp(kind_of(log), "window") == 0;
    bool early = window ? !d->was_at_risk && !d->doubtful && d->series != NULL &&
                              asking_time(log, "finished_at") - d->series->at_ms <= d->webhook->within_ms
                        : rule_goes_on(d);
    if (early)
        violation("outcome", "%s %s: given up early", d->tag, d->webhook->name);
}

static void check_state(const struct delivery *d, const json_t *log)
{
    const char *state = text(log, "state");
    const struct sent *last = d->last;
    bool ok = last != NULL && oracle_succeeded(last);
    if (strcmp(state, "succeeded") == 0) {
        if (!ok)
            violation("outcome", "%s %s: succeeded, and its last attempt did not", d->tag, d->webhook->name);
    } else if (strcmp(state, "unknown") == 0) {
        if (!may_be_unknown(d))
            violation("outcome", "%s %s: unknown without a reason", d->tag, d->webhook->name);
    } else if (strcmp(state, "failed") == 0) {
        check_given_up(d, log);
        if (ok && !last->unsure)
            violation("outcome", "%s %s: failed, and its last attempt succeeded", d->tag, d->webhook->name);
    } else
        violation("outcome", "%s %s: %s at the end", d->tag, d->webhook->name, state);
}

void outcomes_check(const struct delivery *d, const json_t *log)
{
    check_attempts(d, log);
    check_state(d, log);
}

/* --- in the middle of it ------------------------------------------------------------------------------------------ */

bool outcomes_settled(const struct delivery *d, int64_t asked_ns)
{
    int64_t sound_ns = faults_sound_ns();
    return rule_ends(d) && !d->resend_asked && d->last->end_ns < asked_ns - RECORDED_NS &&
           sound_ns < asked_ns - RECORDED_NS;
}

bool outcomes_is_final(const json_t *row)
{
    enum delivery_state s;
    if (delivery_state_parse(bytes_of(text(row, "state")), &s) == 0)
        return delivery_state_final(s);
    violation("answer", "a delivery is '%s'", text(row, "state"));
    return false;
}

static void check_end_now(const struct delivery *d, const json_t *row)
{
    if (!d->last->told && d->last->life == world.life && !d->at_risk)
        violation("outcome", "%s %s: %s, and in flight", d->tag, d->webhook->name, text(row, "state"));
    else if (json_object_get(row, "attempts") != NULL)
        outcomes_check(d, row);
    else
        check_state(d, row);
}

void outcomes_check_now(const json_t *row, int64_t asked_ns)
{
    struct uuid id;
    if (uuid_parse(bytes_of(text(row, "id")), &id) != 0) {
        violation("answer", "a delivery without an id");
        return;
    }
    const struct delivery *d = oracle_find(&id);
    bool final = outcomes_is_final(row);
    if (d == NULL || d->last == NULL || d->resend_asked)
        return;
    if (final && d->last->at_ns < asked_ns)
        check_end_now(d, row);
    else if (!final && outcomes_settled(d, asked_ns))
        violation("outcome", "%s %s: it has ended, and is shown as %s", d->tag, d->webhook->name, text(row, "state"));
}
