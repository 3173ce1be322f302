#include "traces.h"

#include "clients.h"
#include "moments.h"
#include "sleeps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 1024 };
/* From the commit of what ended a wait until the next request: it may be held up by a slow disk and a rate. */
static const int64_t APPROVED_BEFORE_NS = 120 * NS_PER_S;

struct known {
    char tag[SIM_TAG];
    char *longest;
};

static struct known runs[RUNS_MAX];
static int count;

static struct known *find_or_add(const char *tag)
{
    for (int i = 0; i < count; i++)
        if (strcmp(runs[i].tag, tag) == 0)
            return &runs[i];
    if (count == RUNS_MAX)
        return NULL;
    snprintf(runs[count].tag, sizeof runs[count].tag, "%s", tag);
    runs[count].longest = strdup("");
    return &runs[count++];
}

static void note_trace(const char *tag, const char *step, const char *trace)
{
    struct known *k = find_or_add(tag);
    if (k == NULL)
        return;
    if (trace == NULL) {
        violation("replay", "%s: step %s has no trace", tag, step);
        return;
    }
    size_t old = strlen(k->longest), new = strlen(trace);
    if (strncmp(k->longest, trace, old < new ? old : new) != 0)
        violation("replay", "%s: step %s says '%s' where an earlier one said '%s'", tag, step, trace, k->longest);
    if (new <= old)
        return;
    free(k->longest);
    k->longest = strdup(trace);
}

/* The last step before the run waits. */
static bool is_before_wait(const struct delivery *d)
{
    return strcmp(d->step, "b") == 0;
}

void traces_sent(const struct delivery *d, const char *trace)
{
    note_trace(d->tag, d->step, trace);
    if (trace != NULL)
        sleeps_sent(d, trace);
    if (is_before_wait(d))
        moments_come(d->tag, MOMENT_ASKED);
}

void traces_answered(const struct delivery *d)
{
    if (is_before_wait(d))
        moments_come(d->tag, MOMENT_ANSWERED);
}

/* "name=token 17,…": the receiver's answer to that step. */
static void check_answer(const char *tag, const char *trace, const char *step)
{
    char before[24], token[32];
    snprintf(before, sizeof before, ";%s=token ", step);
    const char *at = strstr(trace, before);
    if (at == NULL)
        return; /* it failed */
    const struct delivery *d = oracle_find_by(tag, "step", step);
    const struct sent *s = d != NULL ? d->first : NULL;
    for (; s != NULL; s = s->next) {
        snprintf(token, sizeof token, "%" PRId64 ",", s->token);
        if (oracle_succeeded(s) && strncmp(at + strlen(before), token, strlen(token)) == 0)
            return;
    }
    violation("replay", "%s: step %s says '%.40s', which no receiver has answered", tag, step, at + 1);
}

bool traces_told(const char *trace, struct uuid *id)
{
    const char *at = strstr(trace, ";told=");
    at = at == NULL ? "" : at + strlen(";told=");
    return strlen(at) >= UUID_TEXT_SIZE && uuid_parse((struct bytes){at, UUID_TEXT_SIZE - 1}, id) == 0;
}

/* What send() has returned is the delivery that was sent. */
static void check_told(const char *tag, const char *trace)
{
    char sent[UUID_TEXT_SIZE];
    struct uuid told;
    const struct delivery *d = oracle_find_by(tag, "told", "told");
    if (d == NULL)
        return; /* it was marked when the host died */
    uuid_format(&d->id, sent);
    if (!traces_told(trace, &told) || memcmp(&told, &d->id, sizeof told) != 0)
        violation("replay", "%s: sent %s, and says '%s'", tag, sent, trace);
}

/* An approval that came while the flow was under way, and before it gave up, is not lost. */
static void check_approved(const char *tag, const char *trace)
{
    const struct ask *flow = clients_find(tag);
    const struct delivery *last = oracle_find_by(tag, "step", "last");
    const char *at = strstr(trace, ";approved=");
    if (flow == NULL || last == NULL || last->first == NULL || at == NULL)
        return;
    bool nobody = strncmp(at, ";approved=nobody", strlen(";approved=nobody")) == 0;
    for (const struct ask *a = clients_first(); a != NULL && nobody; a = a->next)
        if (a->flow == flow && a->acknowledged && a->acknowledged_ns > flow->acknowledged_ns &&
            a->acknowledged_ns < last->first->at_ns - APPROVED_BEFORE_NS)
            violation("wake", "%s was approved by %s, and does not know of it", tag, a->tag);
}

void traces_ended(const char *tag, const char *trace)
{
    static const char *const steps[] = {"first", "a", "b", "last"};
    note_trace(tag, "end", trace);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        check_answer(tag, trace, steps[i]);
    check_told(tag, trace);
    check_approved(tag, trace);
}
