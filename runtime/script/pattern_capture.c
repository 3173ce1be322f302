/* pattern: what a match has captured. */
#include "script/pattern.h"

#include <lauxlib.h>

struct pattern_capture pattern_capture(struct pattern *m, int i, const char *s, const char *e)
{
    if (i < m->count) {
        if (m->captures[i].len == PATTERN_OPEN)
            luaL_error(m->L, "unfinished capture");
        return m->captures[i];
    }
    if (i != 0)
        luaL_error(m->L, "invalid capture index %%%d", i + 1);
    return (struct pattern_capture){s, e - s};
}

void pattern_push_capture(struct pattern *m, int i, const char *s, const char *e)
{
    struct pattern_capture c = pattern_capture(m, i, s, e);
    if (c.len == PATTERN_POSITION)
        lua_pushinteger(m->L, c.start - m->subject + 1);
    else
        lua_pushlstring(m->L, c.start, (size_t)c.len);
}

int pattern_push_captures(struct pattern *m, const char *s, const char *e)
{
    int n = m->count == 0 && s != NULL ? 1 : m->count;
    luaL_checkstack(m->L, n, "too many captures");
    for (int i = 0; i < n; i++)
        pattern_push_capture(m, i, s, e);
    return n;
}
