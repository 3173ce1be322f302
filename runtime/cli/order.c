#include "cli/order.h"

#include "cli/ask.h"
#include "cli/cli.h"

#include <jansson.h>
#include <stdio.h>

static int one(const struct order *o, const char *id, bool several)
{
    struct client_answer a;
    json_t *root;
    char path[64 + UUID_TEXT_SIZE];
    struct ask q = {.command = o->command, .state = o->state, .method = "POST", .about = several ? id : NULL};
    snprintf(path, sizeof path, "/v1/runs/%s/%s%s", id, o->command, o->query);
    int code = ask_json(&q, path, &a, &root);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        ask_print(&a);
    else
        printf("%s  %s\n", ask_text(root, "id"), ask_text(root, "state"));
    json_decref(root);
    buf_fini(&a.body);
    return EXIT_OK;
}

/* Nothing is done when one of them is no id. */
int order_run(const struct order *o, char *const *ids, int count)
{
    char id[UUID_TEXT_SIZE];
    int code = EXIT_OK;
    for (int i = 0; i < count; i++)
        if (!cli_id(o->command, CLI_RUN, ids[i], id))
            return EXIT_USAGE;
    for (int i = 0; i < count; i++) {
        if (!cli_id(o->command, CLI_RUN, ids[i], id))
            return EXIT_USAGE;
        int now = one(o, id, count > 1);
        if (now == EXIT_UNREACHABLE)
            return now;
        code = now != EXIT_OK ? now : code;
    }
    return code;
}
