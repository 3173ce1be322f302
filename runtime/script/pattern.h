/*
 * pattern: Lua's patterns (manual, 6.4.1), matched within the budget: every few thousand steps the clock is looked at.
 *
 * What a pattern matches, and what is wrong with it and when that is said, is as in Lua's own library. Subject and
 * pattern are strings of Lua, behind which there is a NUL, and must stay alive while the struct is used.
 */
#ifndef ANZOL_SCRIPT_PATTERN_H
#define ANZOL_SCRIPT_PATTERN_H

#include "core/buf.h"

#include <lua.h>
#include <stdbool.h>

enum { PATTERN_CAPTURES = 32, PATTERN_OPEN = -1, PATTERN_POSITION = -2 };

struct pattern_capture {
    const char *start;
    ptrdiff_t len; /* or PATTERN_OPEN, PATTERN_POSITION */
};

struct pattern {
    lua_State *L;
    const char *subject, *subject_end;
    const char *text, *end;
    ptrdiff_t left; /* steps until the next look at the clock */
    int depth;      /* of recursion that is possible still */
    int count;      /* of captures */
    struct pattern_capture captures[PATTERN_CAPTURES];
};

void pattern_init(struct pattern *m, lua_State *L, struct bytes subject, struct bytes text);
/* Takes a '^' off the pattern's beginning; true when there is one. */
bool pattern_take_anchor(struct pattern *m);
/* Where the match that begins at `s` ends; NULL: there is none. May raise, as all below. */
const char *pattern_match(struct pattern *m, const char *s);
/* The first match that begins at `s` or later; NULL: there is none. `*start`: where it begins. */
const char *pattern_search(struct pattern *m, const char *s, const char **start);

/* The i-th capture (0: the first) of the match from `s` to `e`, which itself stands for the first when there is none.
 */
struct pattern_capture pattern_capture(struct pattern *m, int i, const char *s, const char *e);
/* Pushes a capture: a string, or a position. */
void pattern_push_capture(struct pattern *m, int i, const char *s, const char *e);
/* Pushes all; `s` NULL: nothing stands for the first. Returns how many. */
int pattern_push_captures(struct pattern *m, const char *s, const char *e);

/* For those who work on between the matches. */
void pattern_look(struct pattern *m);
static inline void pattern_spend(struct pattern *m, size_t steps)
{
    m->left -= (ptrdiff_t)steps;
    if (m->left < 0)
        pattern_look(m);
}

#endif
