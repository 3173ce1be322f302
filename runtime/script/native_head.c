/* native: what the requests of a webhook have in common, written once (native_request.h). */
#include "script/native_request.h"
#include "script/state.h"

#include <string.h>

enum { TIMEOUT_MS = 30000, CONNECT_MS = 5000, HEAD = 1, URL, HEADERS, LIVE };

static bool flag(lua_State *L, int table, const char *name)
{
    lua_getfield(L, table, name);
    bool set = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return set;
}

/* A field that is milliseconds; `otherwise` when it is absent. */
static uint32_t milliseconds(lua_State *L, int table, const char *name, uint32_t otherwise)
{
    lua_getfield(L, table, name);
    if (!lua_isnil(L, -1)) {
        lua_Integer n = lua_tointeger(L, -1);
        if (!lua_isinteger(L, -1) || n < 0 || n > UINT32_MAX)
            luaL_error(L, "head: '%s' is not a number of milliseconds", name);
        otherwise = (uint32_t)n;
    }
    lua_pop(L, 1);
    return otherwise;
}

/* Pushes the list and returns its length; 0 when it is absent. */
static int push_list(lua_State *L, int table, const char *name, int max)
{
    if (lua_getfield(L, table, name) == LUA_TNIL)
        return 0;
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_Unsigned n = lua_rawlen(L, -1);
    if (n > (lua_Unsigned)max)
        luaL_error(L, "retry.%s: at most %d are possible", name, max);
    return (int)n;
}

static uint32_t item(lua_State *L, int i, const char *name, lua_Integer max)
{
    lua_rawgeti(L, -1, i);
    lua_Integer n = lua_tointeger(L, -1);
    if (!lua_isinteger(L, -1) || n < 0 || n > max)
        luaL_error(L, "retry.%s: item %d is out of range", name, i);
    lua_pop(L, 1);
    return (uint32_t)n;
}

/* The retry table is at the top. */
static void read_retry(lua_State *L, struct retry_policy *p)
{
    int t = lua_gettop(L);
    p->delay_count = (uint8_t)push_list(L, t, "delays", RETRY_DELAYS_MAX);
    for (int i = 0; i < p->delay_count; i++)
        p->delays_ms[i] = item(L, i + 1, "delays", UINT32_MAX);
    p->code_count = (uint8_t)push_list(L, t, "codes", RETRY_CODES_MAX);
    for (int i = 0; i < p->code_count; i++)
        p->codes[i] = (uint16_t)item(L, i + 1, "codes", 999);
    p->on = (uint8_t)((flag(L, t, "c4xx") ? RETRY_ON_4XX : 0) | (flag(L, t, "c5xx") ? RETRY_ON_5XX : 0) |
                      (flag(L, t, "timeout") ? RETRY_ON_TIMEOUT : 0));
    p->within_ms = milliseconds(L, t, "within", p->within_ms);
    lua_settop(L, t);
}

int native_l_head(lua_State *L)
{
    struct native *n = native_self(L);
    struct err e;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct request_options o = {
        .flags =
            (uint8_t)((flag(L, 1, "has_key") ? REQUEST_HAS_KEY : 0) |
                      (flag(L, 1, "redirects") ? REQUEST_FOLLOW_REDIRECTS : 0) |
                      (flag(L, 1, "has_body") ? REQUEST_HAS_BODY : 0) | (flag(L, 1, "judged") ? REQUEST_JUDGED : 0)),
        .timeout_ms = milliseconds(L, 1, "timeout_ms", TIMEOUT_MS),
        .connect_ms = milliseconds(L, 1, "connect_ms", CONNECT_MS),
    };
    retry_policy_default(&o.retry);
    if (lua_getfield(L, 1, "retry") == LUA_TTABLE)
        read_retry(L, &o.retry);
    lua_getfield(L, 1, "method");
    luaL_checktype(L, -1, LUA_TSTRING);
    buf_clear(&n->scratch);
    if (request_put_head(&n->scratch, &o, native_string_at(L, -1), &e) != 0)
        return state_raise(L, &e);
    lua_pushlstring(L, n->scratch.data, n->scratch.len);
    return 1;
}

/* --- prepared -------------------------------------------------------------------------------------------------- */

/* While it is written, its bytes are in native's scratch. */
struct writing {
    struct native *n;
    size_t count;
    struct {
        size_t end;
        int next;
    } parts[REQUEST_HEADERS_MAX + 2];
};

static void end_part(struct writing *w, int next)
{
    w->parts[w->count].end = w->n->scratch.len;
    w->parts[w->count++].next = next;
}

/* One with a mistake is left for emit() to refuse: that is each delivery's failure, not the load's. */
static void put_url(lua_State *L, struct writing *w)
{
    struct err e;
    if (!lua_isnil(L, URL)) {
        lua_pushvalue(L, URL);
        struct request_text text = native_read_text(L, w->n);
        size_t before = w->n->scratch.len;
        bool good = native_url_mistake(text) == NULL;
        if (good && request_put_url(&w->n->scratch, text, &e) != 0) {
            if (e.domain == ERR_MEMORY)
                state_raise(L, &e);
            w->n->scratch.len = before;
            good = false;
        }
        lua_pop(L, 1);
        if (good)
            return;
    }
    end_part(w, PART_URL);
}

static bool is_live(lua_State *L, int index)
{
    lua_Unsigned n = lua_rawlen(L, LIVE);
    bool found = false;
    for (lua_Unsigned i = 1; i <= n && !found; i++) {
        lua_rawgeti(L, LIVE, (lua_Integer)i);
        found = lua_tointeger(L, -1) == index;
        lua_pop(L, 1);
    }
    return found;
}

/* As with the URL. */
static void put_header(lua_State *L, struct writing *w, int name)
{
    struct buf *out = &w->n->scratch;
    struct err e;
    size_t before = out->len;
    bool written = false;
    lua_rawgeti(L, HEADERS, name);
    lua_rawgeti(L, HEADERS, name + 1);
    if (!is_live(L, name + 1) && lua_type(L, -2) == LUA_TSTRING) {
        written = request_put_header(out, native_string_at(L, -2), native_read_text(L, w->n), &e) == 0;
        if (!written && e.domain == ERR_MEMORY)
            state_raise(L, &e);
    }
    lua_pop(L, 2);
    if (written)
        return;
    out->len = before;
    end_part(w, name);
}

/* Pushes what was written. */
static void push_prepared(lua_State *L, const struct writing *w)
{
    size_t parts = w->count * sizeof(struct prepared_part), start = 0;
    struct native_prepared *p = lua_newuserdatauv(L, sizeof *p + parts + w->n->scratch.len, 0);
    char *bytes = (char *)p + sizeof *p + parts;
    memcpy(bytes, w->n->scratch.data, w->n->scratch.len);
    p->count = w->count;
    for (size_t i = 0; i < w->count; i++) {
        size_t end = w->parts[i].end;
        p->parts[i] = (struct prepared_part){{bytes + start, end - start}, w->parts[i].next};
        start = end;
    }
}

int native_l_prepare(lua_State *L)
{
    struct writing w = {.n = native_self(L)};
    struct err e;
    lua_settop(L, LIVE);
    luaL_checktype(L, HEAD, LUA_TSTRING);
    luaL_checktype(L, HEADERS, LUA_TTABLE);
    luaL_checktype(L, LIVE, LUA_TTABLE);
    size_t count = lua_rawlen(L, HEADERS) / 2;
    buf_clear(&w.n->scratch);
    native_append(L, HEAD, &w.n->scratch);
    put_url(L, &w);
    if (request_put_header_count(&w.n->scratch, count, &e) != 0)
        return state_raise(L, &e);
    for (size_t i = 0; i < count; i++)
        put_header(L, &w, (int)(2 * i + 1));
    end_part(&w, PART_BODY);
    push_prepared(L, &w);
    return 1;
}
