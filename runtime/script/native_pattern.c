/* library: find, match, gmatch and gsub of string. */
#include "script/budget.h"
#include "script/library.h"
#include "script/native.h"
#include "script/pattern.h"

#include <string.h>

enum { BLOCK = 1 << 16, TRIES = 32 };

/* Where to begin, as the argument says it: from 1, or from the end when negative. May lie behind the end. */
static size_t opt_start(lua_State *L, int arg, size_t len)
{
    lua_Integer i = luaL_optinteger(L, arg, 1);
    if (i > 0)
        return (size_t)i - 1;
    if (i == 0 || i < -(lua_Integer)len)
        return 0;
    return len - (size_t)-i;
}

/* --- find, match ------------------------------------------------------------------------------------------------ */

static bool has_specials(struct bytes text)
{
    const char *p = text.data, *end = p + text.len;
    for (; p < end; p += strlen(p) + 1)
        if (strpbrk(p, "^$*+?.([%-") != NULL)
            return true;
    return false;
}

/* memmem's time is linear; in blocks, as a subject may be long. */
static const char *find_in_blocks(lua_State *L, struct bytes s, struct bytes text)
{
    size_t block = BLOCK + 8 * text.len;
    while (s.len > block) {
        const char *found = memmem(s.data, block, text.data, text.len);
        if (found != NULL)
            return found;
        s.data += block - text.len;
        s.len -= block - text.len;
        budget_check(L);
    }
    return memmem(s.data, s.len, text.data, text.len);
}

/* Most often the first character decides, and looking for that alone is many times faster. */
static const char *find_plain(lua_State *L, struct bytes s, struct bytes text)
{
    if (text.len == 0)
        return s.data;
    for (int tries = 0; tries < TRIES && s.len >= text.len; tries++) {
        const char *c = memchr(s.data, text.data[0], s.len - text.len + 1);
        if (c == NULL || memcmp(c, text.data, text.len) == 0)
            return c;
        s.len -= (size_t)(c + 1 - s.data);
        s.data = c + 1;
    }
    return find_in_blocks(L, s, text);
}

static int push_plain(lua_State *L, struct bytes s, struct bytes text, size_t from)
{
    const char *found = find_plain(L, (struct bytes){s.data + from, s.len - from}, text);
    if (found == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - s.data + 1);
    lua_pushinteger(L, found - s.data + (lua_Integer)text.len);
    return 2;
}

static int search(lua_State *L, bool find)
{
    struct pattern m;
    struct bytes s = native_check_bytes(L, 1), text = native_check_bytes(L, 2);
    size_t from = opt_start(L, 3, s.len);
    const char *start = s.data + from, *end = NULL;
    if (from <= s.len && find && (lua_toboolean(L, 4) || !has_specials(text)))
        return push_plain(L, s, text, from);
    if (from <= s.len) {
        pattern_init(&m, L, s, text);
        end = pattern_take_anchor(&m) ? pattern_match(&m, start) : pattern_search(&m, start, &start);
    }
    if (end == NULL) {
        lua_pushnil(L);
        return 1;
    }
    if (!find)
        return pattern_push_captures(&m, start, end);
    lua_pushinteger(L, start - s.data + 1);
    lua_pushinteger(L, end - s.data);
    return pattern_push_captures(&m, NULL, NULL) + 2;
}

static int l_find(lua_State *L)
{
    return search(L, true);
}

static int l_match(lua_State *L)
{
    return search(L, false);
}

/* --- gmatch ----------------------------------------------------------------------------------------------------- */

struct iteration {
    struct pattern m;
    const char *s, *last; /* where to go on; where the last match ended */
};

/* Upvalues: subject and pattern, which live as long as this does, and the struct. */
static int l_next_match(lua_State *L)
{
    struct iteration *it = lua_touserdata(L, lua_upvalueindex(3));
    it->m.L = L;
    for (; it->s != NULL; it->s++) {
        const char *start, *end = pattern_search(&it->m, it->s, &start);
        if (end == NULL)
            break;
        it->s = start;
        if (end != it->last) {
            it->s = it->last = end;
            return pattern_push_captures(&it->m, start, end);
        }
        if (start == it->m.subject_end)
            break;
    }
    it->s = NULL;
    return 0;
}

static int l_gmatch(lua_State *L)
{
    struct bytes s = native_check_bytes(L, 1), text = native_check_bytes(L, 2);
    size_t from = opt_start(L, 3, s.len);
    lua_settop(L, 2);
    struct iteration *it = lua_newuserdatauv(L, sizeof *it, 0);
    pattern_init(&it->m, L, s, text);
    it->s = from > s.len ? NULL : s.data + from;
    it->last = NULL;
    lua_pushcclosure(L, l_next_match, 3);
    return 1;
}

/* --- gsub ------------------------------------------------------------------------------------------------------- */

struct substitution {
    struct pattern m;
    int type;          /* of the replacement, the argument 3 */
    const char *taken; /* of the subject, what lies before is in `out` */
    luaL_Buffer out;
};

/* A '%' of the replacement; `c` follows it. */
static void add_escape(struct substitution *g, char c, const char *s, const char *e)
{
    if (c == '%') {
        luaL_addchar(&g->out, c);
        return;
    }
    if (c < '0' || c > '9')
        luaL_error(g->m.L, "invalid use of '%%' in replacement string");
    struct pattern_capture part = {s, e - s};
    if (c != '0')
        part = pattern_capture(&g->m, c - '1', s, e);
    if (part.len != PATTERN_POSITION) {
        luaL_addlstring(&g->out, part.start, (size_t)part.len);
        return;
    }
    pattern_push_capture(&g->m, c - '1', s, e);
    luaL_addvalue(&g->out);
}

static void add_text(struct substitution *g, const char *s, const char *e)
{
    struct bytes text;
    text.data = lua_tolstring(g->m.L, 3, &text.len);
    const char *p = text.data, *end = p + text.len, *percent;
    while ((percent = memchr(p, '%', (size_t)(end - p))) != NULL) {
        luaL_addlstring(&g->out, p, (size_t)(percent - p));
        add_escape(g, percent[1], s, e); /* a NUL when it is the last */
        p = percent + 2;
        pattern_spend(&g->m, 8);
    }
    luaL_addlstring(&g->out, p, (size_t)(end - p));
}

/* Pushes what the table or function has for the match; false when that is to keep it. */
static bool push_value(struct substitution *g, const char *s, const char *e)
{
    lua_State *L = g->m.L;
    if (g->type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        int n = pattern_push_captures(&g->m, s, e);
        lua_call(L, n, 1);
    } else {
        pattern_push_capture(&g->m, 0, s, e);
        lua_gettable(L, 3);
    }
    if (lua_toboolean(L, -1)) {
        if (!lua_isstring(L, -1))
            luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
        return true;
    }
    lua_pop(L, 1);
    return false;
}

/* The match from `s` to `e` in the way it is to be replaced; false: it stays. */
static bool replace(struct substitution *g, const char *s, const char *e)
{
    luaL_addlstring(&g->out, g->taken, (size_t)(s - g->taken));
    g->taken = s;
    if (g->type == LUA_TNUMBER || g->type == LUA_TSTRING)
        add_text(g, s, e);
    else if (push_value(g, s, e))
        luaL_addvalue(&g->out);
    else
        return false;
    g->taken = e;
    return true;
}

static int l_gsub(lua_State *L)
{
    struct substitution g;
    struct bytes s = native_check_bytes(L, 1), text = native_check_bytes(L, 2);
    g.type = lua_type(L, 3);
    lua_Integer max = luaL_optinteger(L, 4, (lua_Integer)s.len + 1), n = 0;
    luaL_argexpected(L,
                     g.type == LUA_TNUMBER || g.type == LUA_TSTRING || g.type == LUA_TFUNCTION || g.type == LUA_TTABLE,
                     3, "string/function/table");
    luaL_buffinit(L, &g.out);
    pattern_init(&g.m, L, s, text);
    bool anchored = pattern_take_anchor(&g.m), changed = false;
    const char *at = s.data, *last = NULL;
    g.taken = s.data;
    while (n < max) {
        const char *start = at;
        const char *end = anchored ? pattern_match(&g.m, at) : pattern_search(&g.m, at, &start);
        if (end == NULL)
            break;
        if (end != last) {
            n++;
            changed = replace(&g, start, end) || changed;
            at = last = end;
        } else if (start != g.m.subject_end)
            at = start + 1;
        else
            break;
        if (anchored)
            break;
    }
    if (changed) {
        luaL_addlstring(&g.out, g.taken, (size_t)(g.m.subject_end - g.taken));
        luaL_pushresult(&g.out);
    } else
        lua_pushvalue(L, 1);
    lua_pushinteger(L, n);
    return 2;
}

const struct luaL_Reg native_pattern_functions[] = {
    {"find", l_find}, {"match", l_match}, {"gmatch", l_gmatch}, {"gsub", l_gsub}, {NULL, NULL}};
