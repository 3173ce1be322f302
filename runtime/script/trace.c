#include "script/trace.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PLACES_MAX = 5, FRAMES_MAX = 200 };

struct place {
    char file[256];
    int line;
};

/* Scripts are compiled under "@path"; stdlib under "@stdlib/…", and what it compiles itself under "=(…)". */
static bool is_script(const lua_Debug *ar)
{
    return *ar->source == '@' && strncmp(ar->source + 1, "stdlib/", 7) != 0;
}

/* A message that error() gave a place inside stdlib, or inside a template it compiled. */
static bool is_inside(const char *message)
{
    return strncmp(message, "stdlib/", 7) == 0 || *message == '(';
}

/* The place of a frame; false when it is no Lua line. */
static bool frame_place(lua_State *L, lua_Debug *ar, struct place *p)
{
    if (lua_getinfo(L, "Sl", ar) == 0 || ar->currentline <= 0)
        return false;
    /* The whole path, where luac's short_src would cut it at 60 characters. */
    snprintf(p->file, sizeof p->file, "%s", *ar->source == '@' ? ar->source + 1 : ar->short_src);
    p->line = ar->currentline;
    return true;
}

/* Fills up to `max` script places from `level` outward, without repeats in a row; `fallback` gets the first stdlib one.
 */
static int script_places(lua_State *L, int level, struct place *places, int max, struct place *fallback)
{
    int n = 0;
    lua_Debug ar;
    struct place p;
    for (int i = 0; n < max && i < FRAMES_MAX && lua_getstack(L, level + i, &ar) != 0; i++) {
        if (!frame_place(L, &ar, &p))
            continue;
        if (!is_script(&ar)) {
            if (fallback != NULL && fallback->line == 0)
                *fallback = p;
        } else if (n == 0 || places[n - 1].line != p.line || strcmp(places[n - 1].file, p.file) != 0)
            places[n++] = p;
    }
    return n;
}

bool trace_in_script(lua_State *L)
{
    struct place p;
    return script_places(L, 0, &p, 1, NULL) > 0;
}

void trace_place(lua_State *L, int level, char *out, size_t size)
{
    struct place p = {.line = 0}, inside = {.line = 0};
    if (script_places(L, level, &p, 1, &inside) == 0)
        p = inside;
    if (p.line == 0)
        *out = '\0';
    else
        snprintf(out, size, "%s:%d", p.file, p.line);
}

static const char *skip_number(const char *s)
{
    return s + strspn(s, "0123456789");
}

/* Length of the "file:line: " or "file:line:column: " a message begins with; 0: neither. */
static size_t place_length(const char *message)
{
    const char *p = strchr(message, ':');
    if (p == NULL || p == message || skip_number(p + 1) == p + 1)
        return 0;
    p = skip_number(p + 1);
    if (p[0] == ':' && skip_number(p + 1) != p + 1)
        p = skip_number(p + 1);
    return p[0] == ':' && p[1] == ' ' ? (size_t)(p + 2 - message) : 0;
}

/* Pushes the message with the place in front: its own, or the innermost script line's when that is inside stdlib. */
static void push_placed(lua_State *L, const char *message, const struct place *p)
{
    size_t own = place_length(message);
    if (own == 0)
        lua_pushfstring(L, "%s:%d: %s", p->file, p->line, message);
    else if (is_inside(message))
        lua_pushfstring(L, "%s:%d: %s (in %s)", p->file, p->line, message + own, lua_pushlstring(L, message, own - 2));
    else
        lua_pushstring(L, message);
}

static void add_callers(lua_State *L, const struct place *places, int n)
{
    const char *message = lua_tostring(L, -1);
    luaL_Buffer b;
    bool any = false;
    luaL_buffinit(L, &b);
    luaL_addstring(&b, message);
    for (int i = 0; i < n; i++) {
        char text[280];
        snprintf(text, sizeof text, "%.255s:%d", places[i].file, places[i].line);
        if (strncmp(message, text, strlen(text)) == 0)
            continue;
        luaL_addstring(&b, any ? ", " : " (called from ");
        luaL_addstring(&b, text);
        any = true;
    }
    if (any)
        luaL_addchar(&b, ')');
    luaL_pushresult(&b);
}

int trace_handler(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TTABLE && luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL)
        return 1;
    lua_settop(L, 1);
    if (lua_isnil(L, 1))
        lua_pushliteral(L, "error(nil)");
    else
        luaL_tolstring(L, 1, NULL);
    struct place places[PLACES_MAX];
    int n = script_places(L, 1, places, PLACES_MAX, NULL);
    if (n == 0)
        return 1;
    push_placed(L, lua_tostring(L, 2), &places[0]);
    add_callers(L, places, n);
    return 1;
}
