#include "cli/talk.h"

#include "core/json_write.h"
#include "core/units.h"
#include "core/utf8.h"
#include "host/env.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>

enum { HELLO_TIMEOUT_MS = 10000 };

/* --- what the daemon says -------------------------------------------------------------------------------------- */

int talk_receive(struct talk *t, struct err *e)
{
    return attachment_receive(&t->client, e);
}

static enum talk_kind kind_of_end(const char *end)
{
    static const char *const words[] = {
        [TALK_OK] = "ok",
        [TALK_ERROR] = "error",
        [TALK_MORE] = "more",
        [TALK_CANCELED] = "canceled",
    };
    for (int kind = TALK_OK; kind <= TALK_CANCELED; kind++)
        if (strcmp(end, words[kind]) == 0)
            return (enum talk_kind)kind;
    return TALK_OTHER;
}

/* What the members of a message say; *text: the one that is for people. */
static enum talk_kind kind_of(const json_t *root, const json_t **text)
{
    const char *end = json_string_value(json_object_get(root, "end"));
    *text = json_object_get(root, "text");
    if (end != NULL)
        return kind_of_end(end);
    if (json_is_string(*text))
        return TALK_TEXT;
    if (json_is_array(json_object_get(root, "items")))
        return TALK_ITEMS;
    if (json_is_string(*text = json_object_get(root, "note")))
        return TALK_NOTE;
    if (json_is_string(*text = json_object_get(root, "problem")))
        return TALK_PROBLEM;
    return json_is_string(json_object_get(root, "hello")) ? TALK_HELLO : TALK_OTHER;
}

int talk_next(struct talk *t, struct talk_message *m, struct err *e)
{
    struct bytes line;
    const json_t *text;
    int rc = attachment_next(&t->client, &line, e);
    if (rc <= 0)
        return rc;
    json_decref(t->root);
    t->root = json_loadb(line.data, line.len, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(t->root))
        return err_set(e, ERR_SYSTEM, 0, "what the daemon says cannot be read: it is no JSON object");
    *m = (struct talk_message){.kind = kind_of(t->root, &text), .line = line, .root = t->root};
    m->id = json_integer_value(json_object_get(t->root, "id"));
    m->text = (struct bytes){json_string_value(text), json_string_length(text)};
    return 1;
}

/* --- the greeting ---------------------------------------------------------------------------------------------- */

static int64_t count_of(const json_t *root, const char *key)
{
    return json_integer_value(json_object_get(root, key));
}

static int take_hello(struct talk *t, const struct talk_message *m, struct err *e)
{
    if (m->kind == TALK_PROBLEM)
        return err_set(e, ERR_NET, 0, "%.*s", (int)m->text.len, m->text.data);
    if (m->kind != TALK_HELLO)
        return err_set(e, ERR_SYSTEM, 0, "what listens in the state folder does not greet as a daemon does");
    const char *version = json_string_value(json_object_get(m->root, "version"));
    snprintf(t->version, sizeof t->version, "%s", version != NULL ? version : "?");
    t->generation = count_of(m->root, "generation");
    t->integrations = count_of(m->root, "integrations");
    t->webhooks = count_of(m->root, "webhooks");
    t->flows = count_of(m->root, "flows");
    return 0;
}

static int wait_hello(struct talk *t, struct err *e)
{
    struct talk_message m;
    struct pollfd p = {.fd = t->client.fd, .events = POLLIN};
    int64_t until = env_mono_ns() / NS_PER_MS + HELLO_TIMEOUT_MS;
    for (;;) {
        int rc = talk_next(t, &m, e);
        if (rc != 0)
            return rc < 0 ? -1 : take_hello(t, &m, e);
        int64_t left = until - env_mono_ns() / NS_PER_MS;
        if (left <= 0)
            return err_set(e, ERR_NET, 0, "the daemon does not answer");
        if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
            return err_system(e, errno, "cannot wait for the daemon");
        if (talk_receive(t, e) != 0)
            return -1;
    }
}

int talk_open(struct talk *t, const char *state, struct err *e)
{
    *t = (struct talk){0};
    buf_init(&t->line);
    if (attachment_open(&t->client, state, e) != 0)
        return -1;
    if (wait_hello(t, e) == 0)
        return 0;
    talk_close(t);
    return -1;
}

void talk_close(struct talk *t)
{
    json_decref(t->root);
    t->root = NULL;
    buf_fini(&t->line);
    attachment_close(&t->client);
}

/* --- what is asked --------------------------------------------------------------------------------------------- */

static void begin(struct talk *t, struct json_write *w, const char *op)
{
    buf_clear(&t->line);
    json_write_init(w, &t->line);
    json_write_object(w, NULL);
    json_write_int(w, "id", ++t->last_id);
    json_write_str(w, "op", op);
}

static int64_t finish(struct talk *t, struct json_write *w, struct err *e)
{
    json_write_end(w);
    if (buf_failed(&t->line))
        return err_memory(e);
    return attachment_send(&t->client, buf_view(&t->line), e) == 0 ? t->last_id : -1;
}

/* Bytes that are no UTF-8 would arrive as others. */
static int check(struct bytes code, struct err *e)
{
    size_t fine = utf8_valid_prefix(code);
    if (fine == code.len)
        return 0;
    return err_set(e, ERR_INPUT, 0, "byte %zu of the code is not UTF-8 (found \\x%02x)", fine + 1,
                   (unsigned char)code.data[fine]);
}

int64_t talk_eval(struct talk *t, struct bytes code, int width, bool json, struct err *e)
{
    struct json_write w;
    if (check(code, e) != 0)
        return -1;
    begin(t, &w, "eval");
    json_write_bytes(&w, "code", code);
    json_write_int(&w, "width", width);
    if (json)
        json_write_bool(&w, "json", true);
    return finish(t, &w, e);
}

int64_t talk_complete(struct talk *t, struct bytes code, size_t cursor, struct err *e)
{
    struct json_write w;
    if (check(code, e) != 0)
        return -1;
    begin(t, &w, "complete");
    json_write_bytes(&w, "code", code);
    json_write_int(&w, "cursor", (int64_t)cursor);
    return finish(t, &w, e);
}

int talk_cancel(struct talk *t, int64_t id, struct err *e)
{
    struct json_write w;
    begin(t, &w, "cancel");
    json_write_int(&w, "target", id);
    return finish(t, &w, e) < 0 ? -1 : 0;
}
