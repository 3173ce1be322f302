/*
 * native: the writing of templates. A compiled template calls one function for each run of texts and values between two
 * statements; texts and escaped values go straight into one buffer, and the whole becomes a string once.
 *
 * A mark is the length of the buffer where a rendering begins: renderings may nest, in one piece each.
 */
#include "script/budget.h"
#include "script/native.h"
#include "script/state.h"

#include "core/json_write.h"

#include <ctype.h>
#include <string.h>

enum { TEXT_MAX = 64 << 20, KEEP_MAX = 1 << 20, UP_RUN = 1, UP_FAIL, UP_ENCODE, UP_COUNT = UP_ENCODE };

/* Where a value stands; the names are those of stdlib/template/place.lua. */
enum place { LITERAL, TEXT, JSON_TEXT, JSON_STRING, JSON, URL, FORM, URL_START, HEADER, XML };
static const char *const place_names[] = {"text", "json_text", "json_string", "json", "url",
                                          "form", "url_start", "header",      "xml",  NULL};

struct op {
    enum place place;
    struct bytes literal; /* a Lua string, which the run's user value keeps alive */
};

/* A userdata: what one call writes. */
struct run {
    struct native *native;
    int number;   /* of the template's runs */
    size_t calls; /* so far */
    size_t op_count;
    struct op ops[];
};

static struct buf *text_of(lua_State *L)
{
    return &native_self(L)->text;
}

/* What the buffer could not take. */
static int raise_full(lua_State *L, struct buf *b)
{
    buf_fini(b);
    return state_starve(L);
}

/* --- values ---------------------------------------------------------------------------------------------------- */

/* From here: true, or false for what cannot stand at this place. */
static bool put_url_start(struct buf *b, struct bytes s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.data[i] <= ' ' || s.data[i] == 127)
            return false;
    buf_append_bytes(b, s);
    return true;
}

static bool put_header(struct buf *b, struct bytes s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] == '\r' || s.data[i] == '\n' || s.data[i] == '\0')
            return false;
    buf_append_bytes(b, s);
    return true;
}

static bool put_xml(struct buf *b, struct bytes s)
{
    static const char *const names[128] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c >= 128 || names[c] == NULL)
            continue;
        buf_append(b, s.data + from, i - from);
        buf_append_str(b, names[c]);
        from = i + 1;
    }
    if (from < s.len)
        buf_append(b, s.data + from, s.len - from);
    return true;
}

static bool put_json_string(struct buf *b, struct bytes s)
{
    return json_escape(b, s) == 0 || buf_failed(b);
}

static bool put_string(struct buf *b, enum place place, struct bytes s)
{
    switch (place) {
    case JSON_STRING:
        return put_json_string(b, s);
    case JSON:
        buf_append_char(b, '"');
        return put_json_string(b, s) && buf_append_char(b, '"') == 0;
    case URL:
    case FORM:
        request_percent_encode(b, s); /* a failure stays in the buffer */
        return true;
    case URL_START:
        return put_url_start(b, s);
    case HEADER:
        return put_header(b, s);
    case XML:
        return put_xml(b, s);
    default:
        buf_append_bytes(b, s);
        return true;
    }
}

static bool put_float(struct buf *b, enum place place, double n)
{
    char text[32];
    if (json_number(text, n) != 0)
        return false;
    if (place != URL && place != FORM)
        buf_append_str(b, text);
    else
        request_percent_encode(b, bytes_of(text)); /* 1e+20 */
    return true;
}

static bool put_boolean(struct buf *b, enum place place, bool v)
{
    bool json = place == JSON || place == JSON_STRING || place == JSON_TEXT;
    buf_append_str(b, json ? (v ? "true" : "false") : (v ? "True" : "False"));
    return true;
}

/* A list or an object, whole. Raises where it cannot be told in JSON. */
static bool put_table(lua_State *L, struct buf *b, int index)
{
    lua_pushvalue(L, lua_upvalueindex(UP_ENCODE));
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    buf_append_bytes(b, native_string_at(L, -1));
    lua_pop(L, 1);
    return true;
}

/* A delivery's id can stand anywhere. */
static bool put_id(struct buf *b, enum place place, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return put_string(b, place == JSON ? JSON : TEXT, (struct bytes){text, UUID_TEXT_SIZE - 1});
}

static bool put_null(struct buf *b, enum place place)
{
    if (place == JSON)
        buf_append(b, "null", 4);
    return place == JSON;
}

static bool put_value(lua_State *L, const struct run *run, enum place place, int index)
{
    struct buf *b = &run->native->text;
    struct bytes s;
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        s.data = lua_tolstring(L, index, &s.len);
        return put_string(b, place, s);
    case LUA_TNUMBER:
        if (!lua_isinteger(L, index))
            return put_float(b, place, lua_tonumber(L, index));
        buf_append_int(b, lua_tointeger(L, index));
        return true;
    case LUA_TBOOLEAN:
        return put_boolean(b, place, lua_toboolean(L, index));
    case LUA_TTABLE:
        return place == JSON && put_table(L, b, index);
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, index) == &run->native->id)
            return put_id(b, place, &run->native->id);
        return lua_touserdata(L, index) == NULL && put_null(b, place);
    case LUA_TNIL:
        return put_null(b, place);
    default:
        return false;
    }
}

/* --- runs ------------------------------------------------------------------------------------------------------ */

/* Calls fail(place, value, run, i), which raises with the position of the expression. */
static void refuse(lua_State *L, const struct run *run, const struct op *op, int value)
{
    lua_pushvalue(L, lua_upvalueindex(UP_FAIL));
    lua_pushstring(L, place_names[op->place - 1]);
    lua_pushvalue(L, value);
    lua_pushinteger(L, run->number);
    lua_pushinteger(L, value);
    lua_call(L, 4, 0);
    native_raise(L, "a value cannot be written at its place");
}

static struct buf *write_run(lua_State *L)
{
    struct run *run = lua_touserdata(L, lua_upvalueindex(UP_RUN));
    struct buf *b = &run->native->text;
    int value = 0;
    budget_check_some(L, run->calls++); /* it may be in a loop that no hook looks at */
    for (const struct op *op = run->ops, *end = op + run->op_count; op != end && b->len <= TEXT_MAX; op++)
        if (op->place == LITERAL)
            buf_append_bytes(b, op->literal);
        else if (!put_value(L, run, op->place, ++value))
            refuse(L, run, op, value);
    if (buf_failed(b))
        raise_full(L, b);
    if (b->len > TEXT_MAX)
        native_raise(L, "the text is larger than 64 MiB");
    return b;
}

static int take(lua_State *L, struct buf *b, size_t mark)
{
    lua_pushlstring(L, b->len == mark ? "" : b->data + mark, b->len - mark);
    b->len = mark;
    if (mark == 0 && b->cap > KEEP_MAX)
        buf_fini(b);
    return 1;
}

static int l_write(lua_State *L)
{
    write_run(L);
    return 0;
}

static int l_whole(lua_State *L)
{
    const struct run *run = lua_touserdata(L, lua_upvalueindex(UP_RUN));
    size_t mark = run->native->text.len;
    return take(L, write_run(L), mark);
}

static int l_mark(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)text_of(L)->len);
    return 1;
}

static int l_take(lua_State *L)
{
    lua_Integer mark = luaL_checkinteger(L, 1);
    struct buf *b = text_of(L);
    luaL_argcheck(L, mark >= 0 && (size_t)mark <= b->len, 1, "no mark of the text");
    return take(L, b, (size_t)mark);
}

/* look(): whether the time is up. */
static int l_look(lua_State *L)
{
    budget_check(L);
    return 0;
}

/* object(v): v when it is a table, else false; cheaper than type(). */
static int l_object(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TTABLE)
        lua_pushboolean(L, false);
    else
        lua_settop(L, 1);
    return 1;
}

static bool is_other_case(struct bytes a, struct bytes b)
{
    for (size_t i = 0; i < a.len; i++)
        if (tolower((unsigned char)a.data[i]) != tolower((unsigned char)b.data[i]))
            return false;
    return true;
}

/* other_case(t, name) */
static int l_other_case(lua_State *L)
{
    struct bytes wanted = native_check_bytes(L, 2), found = {NULL, 0};
    size_t seen = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    lua_pushnil(L); /* the one found: its value */
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        budget_check_some(L, seen++);
        if (lua_type(L, -2) != LUA_TSTRING)
            return 0;
        struct bytes key = native_string_at(L, -2);
        if (key.len != wanted.len || !is_other_case(key, wanted) ||
            (found.data != NULL && bytes_compare(found, key) < 0))
            continue;
        found = key;
        lua_pushvalue(L, -1);
        lua_replace(L, 3);
    }
    lua_settop(L, 3);
    return 1;
}

/* --- writers --------------------------------------------------------------------------------------------------- */

/* The item at the top: a text, or {place}. */
static struct op read_op(lua_State *L)
{
    struct op op = {.place = LITERAL};
    if (lua_type(L, -1) == LUA_TSTRING) {
        op.literal.data = lua_tolstring(L, -1, &op.literal.len);
        return op;
    }
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_rawgeti(L, -1, 1);
    op.place = (enum place)(luaL_checkoption(L, -1, NULL, place_names) + 1);
    lua_pop(L, 1);
    return op;
}

/* writer(items, number, fail, whole): a function that writes the items, its arguments in the place of {place}; `whole`:
 * and takes what it has written. */
static int l_writer(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer number = luaL_checkinteger(L, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    bool whole = lua_toboolean(L, 4);
    size_t n = lua_rawlen(L, 1);
    struct run *run = lua_newuserdatauv(L, sizeof *run + n * sizeof *run->ops, 1);
    *run = (struct run){.native = native_self(L), .number = (int)number, .op_count = n};
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        run->ops[i] = read_op(L);
        lua_pop(L, 1);
    }
    lua_pushvalue(L, 1); /* keeps the texts */
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, 3);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushcclosure(L, whole ? l_whole : l_write, UP_COUNT);
    return 1;
}

/* The functions of the table at the top; json_encode is in it already. */
void native_open_write(lua_State *L, struct native *n)
{
    lua_pushlightuserdata(L, n);
    lua_getfield(L, -2, "json_encode");
    lua_pushcclosure(L, l_writer, 2);
    lua_setfield(L, -2, "writer");
    lua_pushcfunction(L, l_object);
    lua_setfield(L, -2, "object");
    lua_pushcfunction(L, l_look);
    lua_setfield(L, -2, "look");
    lua_pushcfunction(L, l_other_case);
    lua_setfield(L, -2, "other_case");
    static const struct luaL_Reg functions[] = {{"mark", l_mark}, {"take", l_take}, {NULL, NULL}};
    lua_pushlightuserdata(L, n);
    luaL_setfuncs(L, functions, 1);
}
