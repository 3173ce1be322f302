/*
 * native: a webhook as its deliveries are made: what they need of it is read once. Of most all but the body is the same
 * each time; then the body's function is called alone, and its text put behind what was prepared.
 */
#include "script/generation.h"
#include "script/native_request.h"
#include "script/state.h"

#include "core/pulse.h"

enum { WEBHOOK = 1, RENDER, HOOK = 1, DATA, UV_WEBHOOK = 1, UV_RENDER, UV_BODY, UV_COUNT = UV_BODY };

/* A userdata; the texts are those of the webhook, which it keeps. */
struct hook {
    struct native *native;
    struct bytes name, integration;
    struct bytes prepared; /* all but the body; data NULL: more than that is of each delivery */
    bool has_key, id_text; /* its id is wanted; as a string */
    bool loops, may_change;
};

/* --- made ------------------------------------------------------------------------------------------------------ */

static struct bytes text_field(lua_State *L, const char *name)
{
    if (lua_getfield(L, WEBHOOK, name) != LUA_TSTRING)
        luaL_error(L, "hook: '%s' is not a string", name);
    struct bytes text = native_string_at(L, -1);
    lua_pop(L, 1);
    return text;
}

static bool has_field(lua_State *L, const char *name)
{
    bool has = (lua_getfield(L, WEBHOOK, name), lua_toboolean(L, -1));
    lua_pop(L, 1);
    return has;
}

/* What is prepared, when there is nothing of each delivery in it; `calls`: the body's function decides about it. */
static struct bytes whole_head(lua_State *L, bool calls)
{
    struct bytes whole = {0};
    if (calls)
        return whole;
    if (lua_getfield(L, WEBHOOK, "head") == LUA_TUSERDATA) {
        const struct native_prepared *p = lua_touserdata(L, -1);
        if (p->count == 1 && p->parts[0].next == PART_BODY)
            whole = p->parts[0].bytes;
    }
    lua_pop(L, 1);
    return whole;
}

int native_l_hook(lua_State *L)
{
    luaL_checktype(L, WEBHOOK, LUA_TTABLE);
    luaL_checktype(L, RENDER, LUA_TFUNCTION);
    lua_settop(L, RENDER);
    bool calls = has_field(L, "body_call");
    struct hook *h = lua_newuserdatauv(L, sizeof *h, UV_COUNT);
    *h = (struct hook){
        .native = native_self(L),
        .name = text_field(L, "name"),
        .integration = text_field(L, "integration"),
        .prepared = whole_head(L, calls),
        .has_key = has_field(L, "has_key"),
        .id_text = calls || has_field(L, "id_text"),
        .loops = has_field(L, "loops"),
        .may_change = has_field(L, "may_change"),
    };
    lua_pushvalue(L, WEBHOOK);
    lua_setiuservalue(L, -2, UV_WEBHOOK);
    if (h->prepared.data == NULL)
        lua_pushvalue(L, RENDER);
    else
        lua_getfield(L, WEBHOOK, "render_body");
    lua_setiuservalue(L, -2, UV_RENDER);
    lua_getfield(L, WEBHOOK, "body");
    lua_setiuservalue(L, -2, UV_BODY);
    return 1;
}

bool native_hook_may_change(lua_State *L)
{
    return ((const struct hook *)lua_touserdata(L, -1))->may_change;
}

void native_push_hooked(lua_State *L, int index)
{
    lua_getiuservalue(L, index, UV_WEBHOOK);
}

/* --- a delivery ------------------------------------------------------------------------------------------------ */

static void push_id(lua_State *L, const struct hook *h)
{
    if (h->id_text)
        native_push_uuid(L, &h->native->id);
    else if (h->has_key)
        lua_pushlightuserdata(L, &h->native->id); /* writers know it */
    else
        lua_pushnil(L);
}

/* The body's text at the top, or nil. */
static void push_body(lua_State *L, const struct hook *h)
{
    if (lua_getiuservalue(L, HOOK, UV_RENDER) == LUA_TNIL) {
        lua_getiuservalue(L, HOOK, UV_BODY);
        return;
    }
    lua_pushvalue(L, DATA);
    push_id(L, h);
    lua_call(L, 2, 1);
}

static void deliver_prepared(lua_State *L, const struct hook *h)
{
    struct native *n = h->native;
    struct err e;
    push_body(L, h);
    struct request_text body = lua_isnil(L, -1) ? (struct request_text){NULL, 0} : native_read_text(L, n);
    native_begin_request(n);
    if (buf_append_bytes(&n->scratch, h->prepared) != 0)
        state_starve(L);
    if (request_put_body(&n->scratch, body, &e) != 0)
        state_raise(L, &e);
    struct rendered r = {.webhook = h->name, .integration = h->integration, .request = buf_view(&n->scratch)};
    native_deliver(L, n, &r);
}

static int run_hook(lua_State *L)
{
    const struct hook *h = lua_touserdata(L, HOOK);
    if (h->prepared.data != NULL) {
        deliver_prepared(L, h);
        return 0;
    }
    lua_getiuservalue(L, HOOK, UV_RENDER);
    lua_getiuservalue(L, HOOK, UV_WEBHOOK);
    lua_pushvalue(L, DATA);
    push_id(L, h);
    lua_call(L, 3, NATIVE_BODY - NATIVE_HEAD + 1);
    native_emit(L, h->native, h->name, h->integration);
    return 0;
}

/* True; or false and why not. */
int native_l_deliver(lua_State *L)
{
    luaL_checktype(L, HOOK, LUA_TUSERDATA);
    lua_settop(L, DATA);
    const struct hook *h = lua_touserdata(L, HOOK);
    struct native *n = h->native;
    size_t mark = n->text.len;
    bool loops = h->loops;
    pulse_about(h->name);
    (void)native_begin_delivery(n);
    lua_pushcfunction(L, run_hook);
    lua_insert(L, HOOK);
    bool good = (loops ? state_pcall(L, 2, 0, STATE_RENDER_MS) : state_pcall_straight(L, 2, 0)) == LUA_OK;
    native_drop_text(n, mark);
    lua_pushboolean(L, good);
    lua_insert(L, 1);
    return good ? 1 : 2;
}
