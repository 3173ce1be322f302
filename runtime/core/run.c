#include "core/run.h"

#include "core/json_write.h"

static const char *const states[RUN_STATE_COUNT] = {
    [RUN_READY] = "running",       [RUN_WAITING] = "waiting", [RUN_SLEEPING] = "sleeping", [RUN_QUEUED] = "queued",
    [RUN_SUCCEEDED] = "succeeded", [RUN_FAILED] = "failed",   [RUN_PARKED] = "parked",     [RUN_CANCELED] = "canceled",
};

static const char *const kinds[STEP_KIND_COUNT] = {
    [STEP_CALL] = "call",       [STEP_SEND] = "send",   [STEP_SLEEP] = "sleep",
    [STEP_WAIT] = "wait_event", [STEP_MANAGE] = "runs",
};

const char *run_state_name(enum run_state s)
{
    return (unsigned)s < RUN_STATE_COUNT ? states[s] : "invalid";
}

int run_state_parse(struct bytes name, enum run_state *out)
{
    for (int i = 0; i < RUN_STATE_COUNT; i++)
        if (bytes_equal(name, bytes_of(states[i]))) {
            *out = (enum run_state)i;
            return 0;
        }
    return -1;
}

bool run_state_final(enum run_state s)
{
    return s == RUN_SUCCEEDED || s == RUN_FAILED || s == RUN_PARKED || s == RUN_CANCELED;
}

const char *step_kind_name(enum step_kind k)
{
    return (unsigned)k < STEP_KIND_COUNT && kinds[k] != NULL ? kinds[k] : "invalid";
}

int run_call_result(struct buf *out, bool ok, int attempts, const char *error_kind, struct bytes message,
                    struct bytes vars)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w, NULL);
    json_write_bool(&w, "ok", ok);
    json_write_int(&w, "attempts", attempts);
    if (error_kind != NULL && *error_kind != '\0') {
        json_write_object(&w, "error");
        json_write_str(&w, "kind", error_kind);
        json_write_bytes(&w, "message", message);
        json_write_end(&w);
    }
    if (vars.len > 0)
        json_write_raw(&w, "vars", vars);
    json_write_end(&w);
    return buf_failed(out) ? -1 : 0;
}

int run_wait_result(struct buf *out, const struct uuid *id, struct bytes envelope)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    buf_printf(out, "{\"id\":\"%s\",\"event\":", text);
    buf_append_bytes(out, envelope.len > 0 ? envelope : bytes_of("null"));
    return buf_append_char(out, '}');
}
