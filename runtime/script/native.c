#include "script/native.h"
#include "script/state.h"

#include "core/environment.h"
#include "core/secrets.h"
#include "script/generation.h"
#include "script/json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct native *native_self(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

int native_raise(lua_State *L, const char *message)
{
    lua_pushstring(L, message);
    return lua_error(L);
}

int64_t native_now_ms(struct native *n)
{
    if (n->wall_ms != NULL)
        return n->wall_ms(n->ud);
    struct timespec t;
    return clock_gettime(CLOCK_REALTIME, &t) != 0 ? 0 : (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct uuid native_fresh_id(struct native *n)
{
    if (n->new_id != NULL)
        return n->new_id(n->ud);
    uint8_t random[10] = {0};
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        memset(random, 0, sizeof random); /* the counter keeps them apart still */
    return uuid_next(&n->ids, native_now_ms(n), random);
}

const struct uuid *native_begin_delivery(struct native *n)
{
    n->id = native_fresh_id(n);
    n->id_fresh = true;
    return &n->id;
}

void native_drop_text(struct native *n, size_t mark)
{
    if (n->text.len > mark)
        n->text.len = mark;
}

struct bytes native_string_at(lua_State *L, int index)
{
    struct bytes s;
    s.data = lua_tolstring(L, index, &s.len);
    return s;
}

struct bytes native_check_bytes(lua_State *L, int arg)
{
    struct bytes s;
    s.data = luaL_checklstring(L, arg, &s.len);
    return s;
}

void native_append(lua_State *L, int index, struct buf *out)
{
    if (buf_append_bytes(out, native_string_at(L, index)) != 0)
        state_starve(L);
}

int native_push_bytes(lua_State *L, struct bytes v)
{
    lua_pushlstring(L, v.len == 0 ? "" : v.data, v.len);
    return 1;
}

int native_push_buf(lua_State *L, const struct buf *b)
{
    return buf_failed(b) ? state_starve(L) : native_push_bytes(L, buf_view(b));
}

int native_push_uuid(lua_State *L, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    lua_pushlstring(L, text, UUID_TEXT_SIZE - 1);
    return 1;
}

static int l_new_id(lua_State *L)
{
    return native_push_uuid(L, native_begin_delivery(native_self(L)));
}

static int l_uuid(lua_State *L)
{
    struct uuid id = native_fresh_id(native_self(L));
    return native_push_uuid(L, &id);
}

static int l_now_ms(lua_State *L)
{
    lua_pushinteger(L, native_now_ms(native_self(L)));
    return 1;
}

/* Only a load looks outside: what runs later must not wait for a file. */
static int l_secret(lua_State *L)
{
    struct native *n = native_self(L);
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    struct err e;
    int found = 1;
    if (n->secrets != NULL && n->loading != NULL && strlen(name) == len) {
        found = secrets_load(n->secrets, name, &e);
        if (found == 1 && n->secret_placeholder != NULL)
            found = secrets_set(n->secrets, (struct bytes){name, len}, bytes_of(n->secret_placeholder), &e);
        if (found < 0)
            return state_raise(L, &e);
    } else if (n->secrets != NULL)
        found = secrets_get(n->secrets, (struct bytes){name, len}).data == NULL;
    lua_pushboolean(L, found == 0 || n->secrets_optional);
    return 1;
}

static int l_env(lua_State *L)
{
    lua_pushstring(L, environment_get(luaL_checkstring(L, 1)));
    return 1;
}

static const struct luaL_Reg functions[] = {{"secret", l_secret}, {"env", l_env},       {"log", native_l_log},
                                            {"now_ms", l_now_ms}, {"new_id", l_new_id}, {"uuid", l_uuid},
                                            {NULL, NULL}};

void native_push(lua_State *L, struct native *n)
{
    const struct luaL_Reg *const all[] = {functions,
                                          native_text_functions,
                                          native_unicode_functions,
                                          native_charset_functions,
                                          native_hash_functions,
                                          native_digest_functions,
                                          native_small_functions,
                                          native_template_functions,
                                          native_emit_functions,
                                          native_code_functions,
                                          native_flow_functions,
                                          native_console_functions};
    lua_newtable(L);
    json_open(L);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        lua_pushlightuserdata(L, n);
        luaL_setfuncs(L, all[i], 1);
    }
    native_open_event(L, n);
    native_open_write(L, n);
}

void native_init(struct native *n, const struct generation_options *o)
{
    *n = (struct native){.sink = NULL};
    native_use(n, o);
    buf_init(&n->scratch);
    buf_init(&n->text);
}

void native_use(struct native *n, const struct generation_options *o)
{
    n->secrets = o->secrets;
    n->secrets_optional = o->secrets_optional;
    n->secret_placeholder = o->secret_placeholder;
    n->log = o->log;
    n->new_id = o->new_id;
    n->wall_ms = o->wall_ms;
    n->forms = o->forms;
    n->ud = o->ud;
}

void native_fini(struct native *n)
{
    buf_fini(&n->scratch);
    buf_fini(&n->text);
    free(n->pieces);
    n->pieces = NULL;
}
