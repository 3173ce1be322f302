/* native: the bytes of a delivery (core/request.h) and their way to the host. */
#include "script/generation.h"
#include "script/native_request.h"
#include "script/state.h"

enum {
    KEEP_MAX = 1 << 20,
    WEBHOOK = 1,
    INTEGRATION,
    HEAD = NATIVE_HEAD,
    URL = NATIVE_URL,
    HEADERS = NATIVE_HEADERS,
    BODY = NATIVE_BODY
};

static int put_url(lua_State *L, struct native *n, struct err *e)
{
    lua_pushvalue(L, URL);
    struct request_text text = native_read_text(L, n);
    const char *mistake = native_url_mistake(text);
    if (mistake != NULL)
        native_raise(L, mistake);
    return request_put_url(&n->scratch, text, e);
}

/* The header whose name is that item of the flat list. */
static int put_header(lua_State *L, struct native *n, int name, struct err *e)
{
    if (lua_rawgeti(L, HEADERS, name) != LUA_TSTRING)
        luaL_error(L, "emit: the name of a header is not a string");
    lua_rawgeti(L, HEADERS, name + 1);
    return request_put_header(&n->scratch, native_string_at(L, -2), native_read_text(L, n), e);
}

static int put_body(lua_State *L, struct native *n, struct err *e)
{
    if (lua_isnil(L, BODY))
        return request_put_body(&n->scratch, (struct request_text){NULL, 0}, e);
    lua_pushvalue(L, BODY);
    return request_put_body(&n->scratch, native_read_text(L, n), e);
}

static int put_prepared(lua_State *L, struct native *n, struct err *e)
{
    const struct native_prepared *p = lua_touserdata(L, HEAD);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->count; i++) {
        const struct prepared_part *part = &p->parts[i];
        buf_append_bytes(&n->scratch, part->bytes);
        if (part->next == PART_URL)
            rc = put_url(L, n, e);
        else if (part->next != PART_BODY)
            rc = put_header(L, n, part->next, e);
        lua_settop(L, BODY);
    }
    return rc;
}

static int put_all(lua_State *L, struct native *n, struct err *e)
{
    size_t count = lua_rawlen(L, HEADERS) / 2;
    luaL_checktype(L, HEAD, LUA_TSTRING);
    native_append(L, HEAD, &n->scratch);
    int rc = put_url(L, n, e) != 0 ? -1 : request_put_header_count(&n->scratch, count, e);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = put_header(L, n, (int)(2 * i + 1), e);
        lua_settop(L, BODY);
    }
    return rc;
}

void native_begin_request(struct native *n)
{
    if (n->scratch.cap > KEEP_MAX)
        buf_fini(&n->scratch);
    buf_clear(&n->scratch);
}

/* The request of the arguments in n->scratch. */
static void compose(lua_State *L, struct native *n)
{
    struct err e;
    native_begin_request(n);
    int rc = lua_type(L, HEAD) == LUA_TUSERDATA ? put_prepared(L, n, &e) : put_all(L, n, &e);
    if (rc != 0 || put_body(L, n, &e) != 0)
        state_raise(L, &e);
}

/* An id serves one delivery, whatever became of it. */
static struct uuid take_id(struct native *n)
{
    if (!n->id_fresh)
        n->id = native_fresh_id(n);
    n->id_fresh = false;
    return n->id;
}

void native_deliver(lua_State *L, struct native *n, struct rendered *r)
{
    if (n->sink == NULL)
        luaL_error(L, "there is nobody to take a delivery");
    r->id = take_id(n);
    n->sink->on_delivery(n->sink->ud, r);
}

void native_emit(lua_State *L, struct native *n, struct bytes webhook, struct bytes integration)
{
    luaL_checktype(L, HEADERS, LUA_TTABLE);
    compose(L, n);
    struct rendered r = {.webhook = webhook, .integration = integration, .request = buf_view(&n->scratch)};
    native_deliver(L, n, &r);
}

static struct bytes check_string(lua_State *L, int arg)
{
    luaL_checktype(L, arg, LUA_TSTRING);
    return native_string_at(L, arg);
}

static int l_emit(lua_State *L)
{
    lua_settop(L, BODY);
    native_emit(L, native_self(L), check_string(L, WEBHOOK), check_string(L, INTEGRATION));
    return 0;
}

static int l_emit_failed(lua_State *L)
{
    lua_settop(L, 3);
    struct rendered r = {.webhook = check_string(L, WEBHOOK), .integration = check_string(L, INTEGRATION)};
    r.error = luaL_gsub(L, luaL_checkstring(L, 3), "\n", " ");
    native_deliver(L, native_self(L), &r);
    return 0;
}

const struct luaL_Reg native_emit_functions[] = {
    {"head", native_l_head}, {"prepare", native_l_prepare}, {"emit", l_emit}, {"emit_failed", l_emit_failed},
    {"hook", native_l_hook}, {"deliver", native_l_deliver}, {NULL, NULL}};
