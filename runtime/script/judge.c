#include "script/judge.h"

#include "core/pulse.h"
#include "script/boot.h"
#include "script/native.h"

#include <lauxlib.h>

struct judging {
    struct bytes webhook;
    const struct attempt *attempt;
    struct retry_judgement *out;
    struct buf *message;
    struct err *e;
    int rc;
};

enum { ARGS = 6 };                                                     /* of boot.judge */
enum { KIND = 2, RETRY_MS, PAUSE_MS, MESSAGE, MISTAKES, RESULTS = 5 }; /* on the stack, above the argument */

static void push_answer(lua_State *L, const struct judging *j)
{
    const struct attempt *a = j->attempt;
    const struct boot_arg args[ARGS] = {
        {.text = j->webhook},
        {.number = a->status, .is_number = true},
        {.text = buf_view(&a->headers)},
        {.text = buf_view(&a->body)},
        {.number = a->truncated, .is_boolean = true},
        {.number = a->number, .is_number = true},
    };
    boot_push_args(L, args, ARGS);
}

static int run(lua_State *L)
{
    static const char *const kinds[] = {"default", "ok", "failed", "final", "retry", NULL}; /* as enum retry_judged */
    struct judging *j = lua_touserdata(L, 1);
    boot_push(L, "judge");
    push_answer(L, j);
    lua_call(L, ARGS, RESULTS);
    struct retry_judgement found = {
        .kind = (enum retry_judged)luaL_checkoption(L, KIND, NULL, kinds),
        .retry_ms = luaL_checkinteger(L, RETRY_MS),
        .pause_ms = luaL_checkinteger(L, PAUSE_MS),
    };
    native_append(L, MESSAGE, j->message);
    *j->out = found;
    if (lua_type(L, MISTAKES) == LUA_TSTRING)
        j->rc = state_error(L, MISTAKES, ERR_SCRIPT, 0, j->e);
    return 0;
}

int judge_run(struct state *s, struct bytes webhook, const struct attempt *a, struct retry_judgement *out,
              struct buf *message, struct err *e)
{
    struct judging j = {.webhook = webhook, .attempt = a, .out = out, .message = message, .e = e};
    *out = (struct retry_judgement){.kind = JUDGED_DEFAULT};
    pulse_about(webhook);
    return state_run(s, run, &j, STATE_RENDER_MS, e) != 0 ? -1 : j.rc;
}
