#include "cli/ask.h"

#include "cli/cli.h"
#include "core/request.h"
#include "store/lockfile.h"

#include <jansson.h>
#include <stdio.h>

json_t *ask_parse(const struct client_answer *a)
{
    return json_loadb(a->body.len > 0 ? a->body.data : "", a->body.len, JSON_ALLOW_NUL, NULL);
}

/* RFC 9457: "detail" is written for people. */
static int problem(const struct ask *q, const struct client_answer *a)
{
    json_t *root = ask_parse(a);
    const char *detail = json_string_value(json_object_get(root, "detail"));
    if (detail == NULL)
        detail = json_string_value(json_object_get(root, "title"));
    if (a->status == 401)
        cli_say(q->command, "the daemon refuses the token of the state folder %s", q->state);
    else if (detail != NULL)
        cli_say(q->command, "%s%s%s", q->about != NULL ? q->about : "", q->about != NULL ? ": " : "", detail);
    else
        cli_say(q->command, "the daemon answered %d", a->status);
    json_decref(root);
    return EXIT_FAILED;
}

int ask_runs(const char *state, struct err *e)
{
    if (!lockfile_is_free(state))
        return 0;
    return err_set(e, ERR_NET, 0, "no daemon runs in the state folder %s; start one with: anzol run scripts", state);
}

int ask_call(const struct ask *q, const char *path, struct client_answer *a, struct err *e)
{
    /* An address may be left of one that was killed: whoever listens there now must not get the token. */
    if (ask_runs(q->state, e) != 0)
        return -1;
    return client_call(q->state, q->method, path, q->type, q->body, q->timeout_ms, a, e);
}

int ask(const struct ask *q, const char *path, struct client_answer *a)
{
    struct err e;
    err_clear(&e);
    if (ask_call(q, path, a, &e) != 0)
        return cli_fail(q->command, &e);
    if ((a->status >= 200 && a->status < 300) || a->status == q->fine)
        return EXIT_OK;
    int code = problem(q, a);
    buf_fini(&a->body);
    return code;
}

int ask_json(const struct ask *q, const char *path, struct client_answer *a, struct json_t **root)
{
    int code = ask(q, path, a);
    if (code != EXIT_OK)
        return code;
    *root = ask_parse(a);
    if (*root != NULL)
        return EXIT_OK;
    cli_say(q->command, "the daemon's answer is not JSON");
    buf_fini(&a->body);
    return EXIT_FAILED;
}

void ask_print(const struct client_answer *a)
{
    if (a->body.len > 0)
        fwrite(a->body.data, 1, a->body.len, stdout);
    if (a->body.len == 0 || a->body.data[a->body.len - 1] != '\n')
        putchar('\n');
}

const char *ask_text_of(const struct json_t *string)
{
    const char *text = json_string_value(string);
    return text != NULL ? text : "";
}

const char *ask_text(const struct json_t *object, const char *key)
{
    return ask_text_of(json_object_get(object, key));
}

int ask_append(struct buf *path, const char *text)
{
    return request_percent_encode(path, bytes_of(text));
}
