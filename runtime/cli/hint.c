#include "cli/hint.h"

#include "cli/ask.h"
#include "core/nearest.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool look(const json_t *webhooks, const char *field, const char *typed, char hint[HINT_SIZE])
{
    size_t count = json_array_size(webhooks), n = 0;
    const char **names = calloc(count + 1, sizeof *names);
    bool found = names == NULL;
    for (size_t i = 0; i < count && !found; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(webhooks, i), field));
        found = name != NULL && strcmp(name, typed) == 0;
        if (name != NULL)
            names[n++] = name;
    }
    const char *near = found ? NULL : nearest(typed, names, n);
    if (near != NULL)
        snprintf(hint, HINT_SIZE, "; did you mean '%s'?", near);
    free(names);
    return found;
}

bool hint_known(const char *state, const char *field, const char *typed, char hint[HINT_SIZE])
{
    struct client_answer a;
    const struct ask q = {.state = state, .method = "GET"};
    hint[0] = '\0';
    if (ask_call(&q, "/v1/webhooks", &a, NULL) != 0)
        return true;
    json_t *root = ask_parse(&a);
    const json_t *webhooks = json_object_get(root, "webhooks");
    bool known = !json_is_array(webhooks) || look(webhooks, field, typed, hint);
    json_decref(root);
    buf_fini(&a.body);
    return known;
}
