/* native: what most outputs of templates are, read in one go: `${ path.of.names }`, `${ path | filter }`. */
#include "script/native.h"

#include <stdbool.h>

struct reader {
    const char *text, *at, *end;
};

struct span {
    const char *from, *to;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void skip_spaces(struct reader *r)
{
    while (r->at < r->end && is_space(*r->at))
        r->at++;
}

static bool take_char(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_name(struct reader *r, struct span *name)
{
    name->from = r->at;
    if (r->at == r->end || !is_name_start(*r->at))
        return false;
    while (r->at < r->end && (is_name_start(*r->at) || (*r->at >= '0' && *r->at <= '9')))
        r->at++;
    name->to = r->at;
    return true;
}

static bool take_path(struct reader *r, struct span *root, struct span *whole)
{
    struct span field;
    if (!take_name(r, root))
        return false;
    while (take_char(r, '.'))
        if (!take_name(r, &field))
            return false;
    *whole = (struct span){root->from, r->at};
    return true;
}

struct output {
    struct span root, path;
    struct span filter; /* from NULL: none */
};

static bool take_filter(struct reader *r, struct output *o)
{
    o->filter = (struct span){NULL, NULL};
    if (!take_char(r, '|'))
        return true;
    skip_spaces(r);
    if (!take_name(r, &o->filter))
        return false;
    skip_spaces(r);
    return true;
}

static bool take_output(struct reader *r, struct output *o)
{
    if (!take_char(r, '$') || !take_char(r, '{'))
        return false;
    skip_spaces(r);
    if (!take_path(r, &o->root, &o->path))
        return false;
    skip_spaces(r);
    return take_filter(r, o) && take_char(r, '}');
}

static void push_span(lua_State *L, struct span s)
{
    lua_pushlstring(L, s.from, (size_t)(s.to - s.from));
}

/* A name in lower case. */
static void push_key(lua_State *L, struct span s)
{
    luaL_Buffer b;
    size_t len = (size_t)(s.to - s.from);
    char *out = luaL_buffinitsize(L, &b, len);
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(s.from[i] >= 'A' && s.from[i] <= 'Z' ? s.from[i] + ('a' - 'A') : s.from[i]);
    luaL_pushresultsize(&b, len);
}

enum { ARG_TEXT = 1, ARG_AT, ARG_ORIGIN, ARG_WORDS };

/* Whether the key at the top stands for something else than a field. */
static bool is_word(lua_State *L)
{
    lua_pushvalue(L, -1);
    bool is = lua_rawget(L, ARG_WORDS) != LUA_TNIL;
    lua_pop(L, 1);
    return is;
}

static void set_integer(lua_State *L, const char *name, lua_Integer v)
{
    lua_pushinteger(L, v);
    lua_setfield(L, -2, name);
}

/* What each expression of the parser has, of the table at the top. */
static void set_place(lua_State *L, const struct reader *r, struct span s)
{
    lua_pushvalue(L, ARG_ORIGIN);
    lua_setfield(L, -2, "o");
    lua_pushvalue(L, ARG_TEXT);
    lua_setfield(L, -2, "text");
    set_integer(L, "at", s.from - r->text + 1);
    set_integer(L, "stop", s.to - r->text);
}

static void push_steps(lua_State *L, struct span rest)
{
    struct reader r = {.at = rest.from, .end = rest.to};
    struct span name;
    lua_newtable(L);
    for (lua_Integer i = 1; take_char(&r, '.') && take_name(&r, &name); i++) {
        push_span(L, name);
        lua_rawseti(L, -2, i);
    }
}

/* The key is at the top, and gives way to the node. */
static void push_path(lua_State *L, const struct reader *r, const struct output *o)
{
    lua_createtable(L, 0, 8);
    lua_insert(L, -2);
    lua_setfield(L, -2, "key");
    lua_pushliteral(L, "path");
    lua_setfield(L, -2, "k");
    push_span(L, o->root);
    lua_setfield(L, -2, "root");
    push_steps(L, (struct span){o->root.to, o->path.to});
    lua_setfield(L, -2, "steps");
    set_place(L, r, o->path);
}

/* The call of a filter, with the node at the top as its argument. */
static void push_filter(lua_State *L, const struct reader *r, const struct output *o)
{
    lua_createtable(L, 0, 10);
    lua_insert(L, -2);
    lua_createtable(L, 1, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_setfield(L, -2, "args");
    lua_pushliteral(L, "call");
    lua_setfield(L, -2, "k");
    push_span(L, o->filter);
    lua_setfield(L, -2, "name");
    push_key(L, o->filter);
    lua_setfield(L, -2, "key");
    lua_pushboolean(L, true);
    lua_setfield(L, -2, "filter");
    set_integer(L, "name_at", o->filter.from - r->text + 1);
    set_place(L, r, (struct span){o->path.from, o->filter.to});
}

/* plain_output(text, at, origin, words): the expression of the output that begins at byte `at` of a text, as the parser
 * would make it, and the position behind it; nothing, when it is more than a path of names and a filter without
 * arguments. `words` are keys that are no root of a path. */
static int l_plain_output(lua_State *L)
{
    struct bytes text = native_check_bytes(L, ARG_TEXT);
    lua_Integer at = luaL_checkinteger(L, ARG_AT);
    luaL_checktype(L, ARG_WORDS, LUA_TTABLE);
    if (at < 1 || (lua_Unsigned)at > text.len)
        return 0;
    struct reader r = {.text = text.data, .at = text.data + at - 1, .end = text.data + text.len};
    struct output o;
    if (!take_output(&r, &o))
        return 0;
    push_key(L, o.root);
    if (is_word(L))
        return 0;
    push_path(L, &r, &o);
    if (o.filter.from != NULL)
        push_filter(L, &r, &o);
    lua_pushinteger(L, r.at - text.data + 1);
    return 2;
}

const struct luaL_Reg native_template_functions[] = {{"plain_output", l_plain_output}, {NULL, NULL}};
