#include "script/native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 20000, DEPTH_MAX = 100 };

/* What a value says, hashed as it is walked (FNV-1a, 64 bits: it tells versions of a script apart, and is no secret).
 */
struct walk {
    lua_State *L;
    uint64_t hash;
    int values, depth;
    int inside; /* index of the function that opens what has a metatable, and functions */
    int seen;   /* index of the table of those met before */
};

struct key {
    char type; /* 'b', 'd', 'i' or 's': in this order */
    lua_Integer i;
    lua_Number d;
    struct bytes s; /* stays while the key is in its table */
};

static void add(struct walk *w, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (size_t n = 0; n < len; n++)
        w->hash = (w->hash ^ p[n]) * 1099511628211u;
}

static void add_text(struct walk *w, struct bytes s)
{
    add(w, &s.len, sizeof s.len);
    add(w, s.data, s.len);
}

/* False for what cannot stand in an order. */
static bool read_key(lua_State *L, int index, struct key *k)
{
    *k = (struct key){.type = 'b', .i = lua_toboolean(L, index)};
    if (lua_isinteger(L, index)) {
        k->type = 'i';
        k->i = lua_tointeger(L, index);
    } else if (lua_type(L, index) == LUA_TNUMBER) {
        k->type = 'd';
        k->d = lua_tonumber(L, index);
    } else if (lua_type(L, index) == LUA_TSTRING) {
        k->type = 's';
        k->s = native_string_at(L, index);
    } else
        return lua_isboolean(L, index);
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->type != y->type)
        return x->type - y->type;
    if (x->type == 'd')
        return (x->d > y->d) - (x->d < y->d);
    if (x->type != 's')
        return (x->i > y->i) - (x->i < y->i);
    return bytes_compare(x->s, y->s);
}

/* The keys of the table at the top, in order, in a userdata that is pushed. */
static struct key *push_keys(lua_State *L, size_t *count)
{
    size_t n = 0, all = 0;
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
        all++;
    if (all > VALUES_MAX)
        all = 0; /* it is no definition's own: nobody looks through it */
    struct key *keys = lua_newuserdatauv(L, (all + 1) * sizeof *keys, 0);
    lua_insert(L, -2);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
        n += n < all && read_key(L, -2, &keys[n]) ? 1 : 0;
    lua_insert(L, -2);
    qsort(keys, n, sizeof *keys, compare);
    *count = n;
    return keys;
}

static void push_key(lua_State *L, const struct key *k)
{
    if (k->type == 's')
        native_push_bytes(L, k->s);
    else if (k->type == 'd')
        lua_pushnumber(L, k->d);
    else if (k->type == 'i')
        lua_pushinteger(L, k->i);
    else
        lua_pushboolean(L, (int)k->i);
}

static void add_value(struct walk *w);

/* Of the table at the top, which is popped. */
static void add_pairs(struct walk *w)
{
    size_t count;
    const struct key *keys = push_keys(w->L, &count);
    for (size_t i = 0; i < count && w->values < VALUES_MAX; i++) {
        push_key(w->L, &keys[i]);
        lua_pushvalue(w->L, -1);
        add_value(w);
        lua_rawget(w->L, -3);
        add_value(w);
    }
    lua_pop(w->L, 2);
}

/* What it is said to be: a text, and a table with the rest; neither is fine. */
static void add_opened(struct walk *w)
{
    lua_State *L = w->L;
    lua_pushvalue(L, w->inside);
    lua_insert(L, -2);
    lua_call(L, 1, 2);
    if (lua_type(L, -2) == LUA_TSTRING)
        add_text(w, native_string_at(L, -2));
    lua_remove(L, -2);
    if (lua_istable(L, -1))
        add_pairs(w);
    else
        lua_pop(L, 1);
}

/* The table or function at the top, which is popped; one met before is its number, so that circles end. */
static void add_inside(struct walk *w)
{
    lua_State *L = w->L;
    lua_pushvalue(L, -1);
    lua_rawget(L, w->seen);
    lua_Integer before = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (before != 0 || w->depth == DEPTH_MAX) {
        add(w, &before, sizeof before);
        lua_pop(L, 1);
        return;
    }
    lua_pushvalue(L, -1);
    lua_pushinteger(L, w->values);
    lua_rawset(L, w->seen);
    bool opens = lua_isfunction(L, -1);
    if (!opens && lua_getmetatable(L, -1) != 0) {
        lua_pop(L, 1);
        opens = true;
    }
    w->depth++;
    if (opens)
        add_opened(w);
    else
        add_pairs(w);
    w->depth--;
    add(w, "}", 1);
}

/* The value at the top, which is popped. */
static void add_value(struct walk *w)
{
    lua_State *L = w->L;
    char type = (char)lua_type(L, -1);
    luaL_checkstack(L, 12, NULL);
    w->values++;
    add(w, &type, 1);
    if (type == LUA_TTABLE || type == LUA_TFUNCTION) {
        add_inside(w);
        return;
    }
    struct key k;
    if (read_key(L, -1, &k)) {
        add(w, &k.type, 1);
        if (k.type == 's')
            add_text(w, k.s);
        else
            add(w, k.type == 'd' ? (void *)&k.d : (void *)&k.i, sizeof k.i);
    }
    lua_pop(L, 1);
}

/* digest_of(v, inside): 16 hexadecimal digits. inside(t) opens a table with a metatable, or a function: a text and a
 * table. */
static int l_digest_of(lua_State *L)
{
    char text[17];
    lua_settop(L, 2);
    lua_newtable(L);
    struct walk w = {.L = L, .hash = 14695981039346656037u, .inside = 2, .seen = 3};
    lua_pushvalue(L, 1);
    add_value(&w);
    snprintf(text, sizeof text, "%016llx", (unsigned long long)w.hash);
    lua_pushstring(L, text);
    return 1;
}

const struct luaL_Reg native_digest_functions[] = {{"digest_of", l_digest_of}, {NULL, NULL}};
