#include "rule.h"

static const int64_t ASKED_JITTER_MS = 1000, LEAVING_MS = 1000;
enum { LEAST_PERCENT = 95, MOST_PERCENT = 105, ASKED_PARTS = 20, LEAVING_PARTS = 20 };

bool rule_repeatable(const struct delivery *d, const struct sent *s)
{
    switch (s->class) {
    case ATTEMPT_ANSWERED:
        return d->webhook->key && (s->status == 429 || s->status / 100 == 5);
    case ATTEMPT_NEVER_LEFT:
        return true;
    case ATTEMPT_AMBIGUOUS:
        return d->webhook->key;
    case ATTEMPT_PERMANENT:
        break;
    }
    return false;
}

int rule_count(const struct delivery *d, const struct sent **first)
{
    int n = 0;
    *first = NULL;
    for (const struct sent *s = d->series; s != NULL; s = s->next)
        if (s->told && !s->unsure && n++ == 0)
            *first = s;
    return n;
}

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool rule_asked(const struct sent *s)
{
    return s->class == ATTEMPT_ANSWERED && (s->status == 429 || s->status == 503) && s->retry_after_ms > 0;
}

int64_t rule_pause_ms(const struct delivery *d, const struct sent *s)
{
    return rule_asked(s) ? least_of(s->retry_after_ms, d->webhook->within_ms) : 0;
}

int64_t rule_left_ms(const struct delivery *d, const struct sent *first, const struct sent *last)
{
    return d->webhook->within_ms - (last->end_ms - first->at_ms);
}

/* Until the last moment that an attempt may be due at. */
static int64_t left_to_be_due_ms(const struct delivery *d, const struct sent *first, const struct sent *last)
{
    return rule_left_ms(d, first, last) - least_of(d->webhook->within_ms / LEAVING_PARTS, LEAVING_MS);
}

int64_t rule_least_ms(const struct delivery *d, const struct sent *first, const struct sent *last, int tries)
{
    int64_t least = rule_asked(last) ? last->retry_after_ms : d->webhook->delays_ms[tries - 1] * LEAST_PERCENT / 100;
    return least_of(least, left_to_be_due_ms(d, first, last));
}

int64_t rule_most_ms(const struct delivery *d, const struct sent *first, const struct sent *last, int tries)
{
    int64_t asked = last->retry_after_ms;
    int64_t most = rule_asked(last) ? asked + least_of(asked / ASKED_PARTS, ASKED_JITTER_MS)
                                    : d->webhook->delays_ms[tries - 1] * MOST_PERCENT / 100;
    return least_of(most, left_to_be_due_ms(d, first, last));
}

bool rule_goes_on(const struct delivery *d)
{
    const struct sent *first, *last = d->last;
    int tries = rule_count(d, &first);
    if (last == NULL || !last->told || d->was_at_risk || d->doubtful || tries < 1 || tries > d->webhook->delay_count ||
        !rule_repeatable(d, last))
        return false;
    int64_t left = left_to_be_due_ms(d, first, last);
    int64_t asked = rule_asked(last) ? last->retry_after_ms : 0;
    return left > RULE_GRAIN_MS && asked + RULE_GRAIN_MS <= left;
}

bool rule_ends(const struct delivery *d)
{
    const struct sent *first, *last = d->last;
    int tries = rule_count(d, &first);
    if (last == NULL || !last->told || d->was_at_risk || tries < 1)
        return false;
    int64_t left = left_to_be_due_ms(d, first, last);
    int64_t asked = rule_asked(last) ? last->retry_after_ms : 0;
    return tries > d->webhook->delay_count || !rule_repeatable(d, last) || left < -RULE_GRAIN_MS ||
           asked > left + RULE_GRAIN_MS;
}
