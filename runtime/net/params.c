#include "core/delivery.h"
#include "core/nearest.h"
#include "core/run.h"
#include "core/units.h"
#include "net/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DIGITS_MAX = 18 /* what 63 bits hold of any digits */ };

static int wrong(struct err *e, const char *name, const char *found, const char *expected)
{
    return err_set(e, ERR_INPUT, 400, "parameter '%s': found '%.80s'; expected %s", name, found, expected);
}

static int unknown(struct err *e, const char *name, const char *near)
{
    if (near == NULL)
        return err_set(e, ERR_INPUT, 400, "unknown parameter '%.80s'", name);
    return err_set(e, ERR_INPUT, 400, "unknown parameter '%.80s'; did you mean '%s'?", name, near);
}

struct checking {
    const char *const *known;
    uint32_t seen; /* one bit each */
    struct err *e;
    int rc;
};

static int check(struct checking *p, const char *name, const char *value)
{
    size_t n = 0;
    for (; p->known != NULL && p->known[n] != NULL; n++) {
        if (strcmp(p->known[n], name) != 0)
            continue;
        if (value == NULL)
            return err_set(p->e, ERR_INPUT, 400, "parameter '%s' has no value", name);
        if ((p->seen & 1u << n) != 0)
            return err_set(p->e, ERR_INPUT, 400, "parameter '%s' is given twice", name);
        p->seen |= 1u << n;
        return 0;
    }
    return unknown(p->e, name, nearest(name, p->known, n));
}

static enum MHD_Result on_parameter(void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct checking *p = data;
    p->rc = check(p, name, value);
    return p->rc == 0 ? MHD_YES : MHD_NO;
}

int params_check(const struct api_call *c, const char *const *known, struct err *e)
{
    struct checking p = {.known = known, .e = e};
    MHD_get_connection_values(c->connection, MHD_GET_ARGUMENT_KIND, on_parameter, &p);
    return p.rc;
}

const char *params_text(const struct api_call *c, const char *name)
{
    return MHD_lookup_connection_value(c->connection, MHD_GET_ARGUMENT_KIND, name);
}

int params_number(const struct api_call *c, const char *name, int64_t most, int64_t *out, struct err *e)
{
    const char *text = params_text(c, name);
    char expected[80];
    if (text == NULL)
        return 0;
    size_t len = strlen(text);
    int64_t n = len > 0 && len <= DIGITS_MAX && strspn(text, "0123456789") == len ? strtoll(text, NULL, 10) : 0;
    snprintf(expected, sizeof expected, "a number from 1 to %" PRId64, most);
    if (n < 1 || n > most)
        return wrong(e, name, text, expected);
    *out = n;
    return 0;
}

int params_time(const struct api_call *c, const char *name, int64_t *wall_ms, struct err *e)
{
    const char *text = params_text(c, name);
    int64_t now_ms = (int64_t)time(NULL) * MS_PER_S;
    if (text == NULL || units_parse_time(bytes_of(text), now_ms, wall_ms) == 0)
        return 0;
    return wrong(e, name, text, "a time, as in 2026-11-23T10:00:00Z, 2026-11-23 or -1h");
}

int params_wait(const struct api_call *c, int64_t *ms, struct err *e)
{
    const char *text = params_text(c, "wait");
    if (text == NULL || (units_parse_duration(bytes_of(text), ms) == 0 && *ms <= API_WAIT_MAX_MS))
        return 0;
    return wrong(e, "wait", text, "a duration of five minutes at most, as in 10s");
}

/* It is none of these: the nearest, or else all. */
static int no_such_word(struct err *e, const char *name, const char *text, const char *const *words, size_t count)
{
    char list[160] = "";
    size_t n = 0;
    const char *near = nearest(text, words, count);
    if (near != NULL)
        return err_set(e, ERR_INPUT, 400, "parameter '%s': found '%.80s'; did you mean '%s'?", name, text, near);
    for (size_t i = 0; i < count && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s",
                              i == 0           ? ""
                              : i + 1 == count ? " or "
                                               : ", ",
                              words[i]);
    return wrong(e, name, text, list);
}

/* The number of the one among `words` that is given. */
static int choose(const struct api_call *c, const char *name, const char *const *words, size_t count, int *out,
                  struct err *e)
{
    const char *text = params_text(c, name);
    for (size_t i = 0; text != NULL && i < count; i++)
        if (strcmp(text, words[i]) == 0) {
            *out = (int)i;
            return 0;
        }
    return text == NULL ? 0 : no_such_word(e, name, text, words, count);
}

int params_state(const struct api_call *c, int *out, struct err *e)
{
    const char *words[DELIVERY_STATE_COUNT];
    for (int i = 0; i < DELIVERY_STATE_COUNT; i++)
        words[i] = delivery_state_name((enum delivery_state)i);
    return choose(c, "state", words, DELIVERY_STATE_COUNT, out, e);
}

int params_run_state(const struct api_call *c, int *out, struct err *e)
{
    const char *words[RUN_STATE_COUNT];
    for (int i = 0; i < RUN_STATE_COUNT; i++)
        words[i] = run_state_name((enum run_state)i);
    return choose(c, "state", words, RUN_STATE_COUNT, out, e);
}

int params_only(const struct api_call *c, const char *name, const char *only, bool *given, struct err *e)
{
    int which = -1;
    if (choose(c, name, &only, 1, &which, e) != 0)
        return -1;
    *given = which == 0;
    return 0;
}
