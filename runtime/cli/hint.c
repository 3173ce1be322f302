#include "cli/hint.h"

#include "cli/ask.h"
#include "core/nearest.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The daemon's list at `/v1/NAME`, a new reference; NULL: it does not say. */
static json_t *fetch(const char *state, const char *name)
{
    struct client_answer a;
    char path[32];
    const struct ask q = {.state = state, .method = "GET"};
    snprintf(path, sizeof path, "/v1/%s", name);
    if (ask_call(&q, path, &a, NULL) != 0)
        return NULL;
    json_t *root = ask_parse(&a), *list = json_incref(json_object_get(root, name));
    json_decref(root);
    buf_fini(&a.body);
    return list;
}

/* Appends the field of each to `names`, which has room. Returns how many there are then. */
static size_t collect(const json_t *list, const char *field, const char **names, size_t n)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, i), field));
        if (name != NULL)
            names[n++] = name;
    }
    return n;
}

static bool look(const char *const *names, size_t n, const char *typed, char hint[HINT_SIZE])
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], typed) == 0)
            return true;
    const char *near = nearest(typed, names, n);
    if (near != NULL)
        snprintf(hint, HINT_SIZE, "; did you mean '%s'?", near);
    return false;
}

bool hint_known(const char *state, enum hint_of of, const char *typed, char hint[HINT_SIZE])
{
    const char *field = of == HINT_EVENT ? "on" : "name";
    json_t *webhooks = of == HINT_FLOW ? NULL : fetch(state, "webhooks");
    json_t *flows = of == HINT_WEBHOOK ? NULL : fetch(state, "flows");
    const char **names = calloc(json_array_size(webhooks) + json_array_size(flows) + 1, sizeof *names);
    bool known = true;
    hint[0] = '\0';
    if (names != NULL && (json_is_array(webhooks) || json_is_array(flows)))
        known = look(names, collect(flows, field, names, collect(webhooks, field, names, 0)), typed, hint);
    free(names);
    json_decref(webhooks);
    json_decref(flows);
    return known;
}
