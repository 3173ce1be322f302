/*
 * Encoding: straight from Lua values into a buffer. Only raw access, so that no Lua code runs meanwhile and the buffers
 * can be shared. Nor is an instruction counted meanwhile, so the budget is asked here: a table of a few bytes of JSON
 * may have been a large one, and takes as long to read.
 */
#include "script/json.h"

#include "core/buf.h"
#include "core/json_write.h"
#include "core/utf8.h"
#include "script/budget.h"
#include "script/state.h"

#include <ctype.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_MAX = 1 << 20, PATH_SIZE = 120, PROBLEM_SIZE = 120, KEY_SHOWN = 40 };

/* Belongs to Lua (a userdata), so that an error anywhere leaks nothing. */
struct encoder {
    struct buf out;
    struct bytes *keys; /* of the objects that are being written, innermost last; Lua owns the text */
    size_t key_count, key_cap;
    const void *array_metatable;
    char path[PATH_SIZE];       /* once it failed: from the root to the culprit */
    char problem[PROBLEM_SIZE]; /* "" for short memory */
};

/* What one pass over a table's keys tells. */
struct shape {
    size_t names, numbers;
    lua_Integer max;
    bool strange; /* keys that are neither */
};

static int encode_value(lua_State *L, struct encoder *c, int depth);

static int fail(struct encoder *c, const char *problem)
{
    snprintf(c->problem, sizeof c->problem, "%s", problem);
    return -1;
}

/* Keeps the root's end of the path when it grows too long. */
static void prepend(struct encoder *c, const char *segment)
{
    char rest[PATH_SIZE];
    memcpy(rest, c->path, sizeof rest);
    int n = snprintf(c->path, sizeof c->path, "%s%s", segment, rest);
    if (n >= PATH_SIZE)
        memcpy(c->path + utf8_valid_prefix((struct bytes){c->path, PATH_SIZE - 4}), "…", sizeof "…");
}

static bool is_identifier(struct bytes key)
{
    for (size_t i = 0; i < key.len; i++)
        if (key.data[i] != '_' && !isalnum((unsigned char)key.data[i]))
            return false;
    return key.len > 0 && !isdigit((unsigned char)*key.data);
}

static int fail_in_key(struct encoder *c, struct bytes key)
{
    char segment[KEY_SHOWN + 16];
    struct bytes shown = key;
    if (shown.len > KEY_SHOWN)
        shown.len = utf8_valid_prefix((struct bytes){key.data, KEY_SHOWN});
    const char *more = shown.len < key.len ? "…" : "";
    const char *format = is_identifier(key) ? ".%.*s%s" : "[\"%.*s%s\"]";
    snprintf(segment, sizeof segment, format, (int)shown.len, shown.data, more);
    prepend(c, segment);
    return -1;
}

static int fail_in_item(struct encoder *c, lua_Integer i)
{
    char segment[32];
    snprintf(segment, sizeof segment, "[%lld]", (long long)i);
    prepend(c, segment);
    return -1;
}

static int push_key(struct encoder *c, struct bytes key)
{
    if (c->key_count == c->key_cap) {
        size_t cap = c->key_cap == 0 ? 64 : c->key_cap * 2;
        struct bytes *keys = realloc(c->keys, cap * sizeof *keys);
        if (keys == NULL)
            return -1;
        c->keys = keys;
        c->key_cap = cap;
    }
    c->keys[c->key_count++] = key;
    return 0;
}

/* Reads the keys of the table at the top; names are pushed to c->keys. */
static int read_shape(lua_State *L, struct encoder *c, struct shape *s)
{
    *s = (struct shape){0};
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        budget_check_some(L, s->names + s->numbers);
        if (lua_type(L, -1) == LUA_TSTRING) {
            struct bytes key;
            key.data = lua_tolstring(L, -1, &key.len);
            s->names++;
            if (push_key(c, key) != 0)
                return -1;
        } else if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1) {
            s->numbers++;
            if (lua_tointeger(L, -1) > s->max)
                s->max = lua_tointeger(L, -1);
        } else
            s->strange = true;
    }
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    const struct bytes *x = a, *y = b;
    return bytes_compare(*x, *y);
}

static int encode_string(struct encoder *c, struct bytes s)
{
    if (buf_append_char(&c->out, '"') != 0)
        return -1;
    if (json_escape(&c->out, s) != 0)
        return buf_failed(&c->out) ? -1 : fail(c, "text that is not valid UTF-8");
    return buf_append_char(&c->out, '"');
}

/* The names are the last `count` of c->keys. By index: a nested object may move the array. */
static int encode_object(lua_State *L, struct encoder *c, size_t count, int depth)
{
    size_t base = c->key_count - count;
    if (count > 1)
        qsort(c->keys + base, count, sizeof *c->keys, compare_keys);
    buf_append_char(&c->out, '{');
    for (size_t i = 0; i < count; i++) {
        struct bytes key = c->keys[base + i];
        budget_check_some(L, i);
        if (i > 0)
            buf_append_char(&c->out, ',');
        if (encode_string(c, key) != 0)
            return *c->problem == '\0' ? -1 : fail(c, "a key that is not valid UTF-8");
        buf_append_char(&c->out, ':');
        lua_pushlstring(L, key.data, key.len);
        lua_rawget(L, -2);
        if (encode_value(L, c, depth) != 0)
            return fail_in_key(c, key);
        lua_pop(L, 1);
    }
    c->key_count = base;
    return buf_append_char(&c->out, '}');
}

static int encode_list(lua_State *L, struct encoder *c, lua_Integer count, int depth)
{
    buf_append_char(&c->out, '[');
    for (lua_Integer i = 1; i <= count; i++) {
        budget_check_some(L, (size_t)i);
        if (i > 1)
            buf_append_char(&c->out, ',');
        lua_rawgeti(L, -1, i);
        if (encode_value(L, c, depth) != 0)
            return fail_in_item(c, i);
        lua_pop(L, 1);
    }
    return buf_append_char(&c->out, ']');
}

static bool is_marked(lua_State *L, const struct encoder *c)
{
    if (lua_getmetatable(L, -1) == 0)
        return false;
    bool marked = lua_topointer(L, -1) == c->array_metatable;
    lua_pop(L, 1);
    return marked;
}

static int encode_table(lua_State *L, struct encoder *c, int depth)
{
    struct shape s;
    if (depth == JSON_DEPTH_MAX)
        return fail(c, "nested deeper than 512 levels (a table inside itself?)");
    budget_check(L);
    if (lua_checkstack(L, 6) == 0 || read_shape(L, c, &s) != 0)
        return -1;
    bool marked = is_marked(L, c);
    if (s.strange)
        return fail(c, "a table with keys that are neither names nor 1 to n");
    if (s.names > 0 && (s.numbers > 0 || marked))
        return fail(c, marked ? "a list that has a named field" : "a table with both names and numbers as keys");
    if ((size_t)s.max != s.numbers)
        return fail(c, "a list with holes (its keys are not 1 to n)");
    if (s.numbers > 0 || marked)
        return encode_list(L, c, s.max, depth + 1);
    return encode_object(L, c, s.names, depth + 1);
}

static int encode_number(lua_State *L, struct encoder *c)
{
    char text[32];
    if (lua_isinteger(L, -1)) {
        int n = snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(L, -1));
        return buf_append(&c->out, text, (size_t)n);
    }
    double n = lua_tonumber(L, -1);
    if (json_number(text, n) != 0)
        return fail(c, isnan(n) ? "NaN" : "an infinite number");
    return buf_append_str(&c->out, text);
}

/* The value is at the top and stays there; after a failure there may be more. */
static int encode_value(lua_State *L, struct encoder *c, int depth)
{
    struct bytes s;
    char problem[64];
    if (c->out.len > (size_t)JSON_TEXT_MIB << 20) /* a few tables that hold each other twice say as much */
        return fail(c, "more than 64 MiB of JSON");
    switch (lua_type(L, -1)) {
    case LUA_TTABLE:
        return encode_table(L, c, depth);
    case LUA_TSTRING:
        s.data = lua_tolstring(L, -1, &s.len);
        return encode_string(c, s);
    case LUA_TNUMBER:
        return encode_number(L, c);
    case LUA_TBOOLEAN:
        return buf_append_str(&c->out, lua_toboolean(L, -1) ? "true" : "false");
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, -1) == NULL)
            return buf_append_str(&c->out, "null");
        break;
    case LUA_TNIL:
        return fail(c, "nil (json.null is the null of JSON)");
    }
    snprintf(problem, sizeof problem, "a %s", luaL_typename(L, -1));
    return fail(c, problem);
}

static int raise(lua_State *L, const struct encoder *c)
{
    const char *path = *c->path == '.' ? c->path + 1 : c->path;
    if (*c->problem == '\0')
        return state_starve(L);
    if (*path == '\0')
        return luaL_error(L, "cannot encode %s", c->problem);
    return luaL_error(L, "cannot encode %s: %s", path, c->problem);
}

int json_l_encode(lua_State *L)
{
    struct encoder *c = lua_touserdata(L, lua_upvalueindex(2));
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    buf_clear(&c->out);
    c->key_count = 0;
    c->array_metatable = lua_topointer(L, lua_upvalueindex(1));
    c->path[0] = c->problem[0] = '\0';
    if (encode_value(L, c, 0) != 0 || buf_failed(&c->out))
        return raise(L, c);
    lua_pushlstring(L, c->out.data, c->out.len);
    if (c->out.cap > KEEP_MAX)
        buf_fini(&c->out);
    return 1;
}

static int on_collect(lua_State *L)
{
    struct encoder *c = lua_touserdata(L, 1);
    buf_fini(&c->out);
    free(c->keys);
    c->keys = NULL;
    return 0;
}

void json_push_encoder(lua_State *L)
{
    struct encoder *c = lua_newuserdatauv(L, sizeof *c, 0);
    *c = (struct encoder){.key_cap = 0};
    buf_init(&c->out);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, on_collect);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
}
