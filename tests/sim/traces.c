#include "traces.h"

#include "oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 1024 };

struct known {
    char tag[24];
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

void traces_sent(const char *tag, const char *step, const char *trace)
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
        if (s->told && s->status / 100 == 2 && strncmp(at + strlen(before), token, strlen(token)) == 0)
            return;
    }
    violation("replay", "%s: step %s says '%.40s', which no receiver has answered", tag, step, at + 1);
}

void traces_ended(const char *tag, const char *trace)
{
    static const char *const steps[] = {"first", "a", "b", "last"};
    traces_sent(tag, "end", trace);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        check_answer(tag, trace, steps[i]);
}
