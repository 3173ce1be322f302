#include "script/pattern.h"

#include "script/budget.h"

#include <lauxlib.h>
#include <string.h>

enum { DEPTH_MAX = 200, EVERY = 4096, SHORT_SET = 40 /* counts as one step */ };

static const char *match(struct pattern *m, const char *s, const char *p);

void pattern_look(struct pattern *m)
{
    m->left = EVERY;
    budget_check(m->L);
}

/* --- one character ---------------------------------------------------------------------------------------------- */

/* Of ASCII, whatever the process's locale. */
static inline bool between(unsigned char c, unsigned char low, unsigned char high)
{
    return (unsigned char)(c - low) <= high - low;
}

static inline bool is_letter(unsigned char c)
{
    return between(c | 0x20, 'a', 'z');
}

static inline bool is_digit(unsigned char c)
{
    return between(c, '0', '9');
}

static inline bool in_small_class(unsigned char c, unsigned char class)
{
    switch (class) {
    case 'a':
        return is_letter(c);
    case 'c':
        return c < ' ' || c == 127;
    case 'd':
        return is_digit(c);
    case 'g':
        return between(c, '!', '~');
    case 'l':
        return between(c, 'a', 'z');
    case 'p':
        return between(c, '!', '~') && !is_letter(c) && !is_digit(c);
    case 's':
        return c == ' ' || between(c, '\t', '\r');
    case 'u':
        return between(c, 'A', 'Z');
    case 'w':
        return is_letter(c) || is_digit(c);
    case 'x':
        return is_digit(c) || between(c | 0x20, 'a', 'f');
    default: /* 'z' */
        return c == '\0';
    }
}

static const bool is_class[256] = {
    ['a'] = true, ['c'] = true, ['d'] = true, ['g'] = true, ['l'] = true, ['p'] = true, ['s'] = true, ['u'] = true,
    ['w'] = true, ['x'] = true, ['z'] = true, ['A'] = true, ['C'] = true, ['D'] = true, ['G'] = true, ['L'] = true,
    ['P'] = true, ['S'] = true, ['U'] = true, ['W'] = true, ['X'] = true, ['Z'] = true,
};

/* What stands behind a '%'. */
static inline bool in_class(unsigned char c, unsigned char class)
{
    if (!is_class[class])
        return c == class;
    return in_small_class(c, class | 0x20) == ((class & 0x20) != 0);
}

/* `p` is behind the '[' (and '^'), `end` at the ']'. */
static inline bool is_listed(unsigned char c, const char *p, const char *end)
{
    while (p < end) {
        if (*p == '%') {
            if (in_class(c, (unsigned char)p[1]))
                return true;
            p += 2;
        } else if (p[1] == '-' && p + 2 < end) {
            if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2])
                return true;
            p += 3;
        } else if ((unsigned char)*p++ == c)
            return true;
    }
    return false;
}

/* The set from `p`, its '[', to before `next`. */
static inline bool in_set(struct pattern *m, unsigned char c, const char *p, const char *next)
{
    if (next - p > SHORT_SET)
        pattern_spend(m, (size_t)(next - p));
    if (p[1] == '^')
        return !is_listed(c, p + 2, next - 1);
    return is_listed(c, p + 1, next - 1);
}

/* Whether the character at `s` is one of the item from `p` to before `next`. */
static inline bool fits(struct pattern *m, const char *s, const char *p, const char *next)
{
    if (s == m->subject_end)
        return false;
    switch (*p) {
    case '.':
        return true;
    case '%':
        return in_class((unsigned char)*s, (unsigned char)p[1]);
    case '[':
        return in_set(m, (unsigned char)*s, p, next);
    default:
        return *p == *s;
    }
}

/* Where a run of such characters ends, `end` at the latest. */
static const char *run_within(struct pattern *m, const char *s, const char *end, const char *p, const char *next)
{
    switch (*p) {
    case '%':
        while (s != end && in_class((unsigned char)*s, (unsigned char)p[1]))
            s++;
        return s;
    case '[':
        while (s != end && in_set(m, (unsigned char)*s, p, next))
            s++;
        return s;
    default:
        while (s != end && *s == *p)
            s++;
        return s;
    }
}

static const char *run_end(struct pattern *m, const char *s, const char *p, const char *next)
{
    if (*p == '.')
        return m->subject_end;
    for (;;) {
        const char *from = s, *end = m->subject_end - s > EVERY ? s + EVERY : m->subject_end;
        s = run_within(m, s, end, p, next);
        pattern_spend(m, (size_t)(s - from));
        if (s != end || s == m->subject_end)
            return s;
    }
}

/* --- items of the pattern --------------------------------------------------------------------------------------- */

/* `p`: its '['. A ']' that comes first is a member. */
static const char *set_end(struct pattern *m, const char *p)
{
    const char *from = p++;
    if (*p == '^')
        p++;
    do {
        if (p == m->end)
            luaL_error(m->L, "malformed pattern (missing ']')");
        if (*p++ == '%' && p != m->end)
            p++;
    } while (*p != ']');
    pattern_spend(m, (size_t)(p - from));
    return p + 1;
}

/* Behind the item for one character that begins at `p`. */
static inline const char *item_end(struct pattern *m, const char *p)
{
    if (*p == '[')
        return set_end(m, p);
    if (*p != '%')
        return p + 1;
    if (p + 1 == m->end)
        luaL_error(m->L, "malformed pattern (ends with '%%')");
    return p + 2;
}

/* As many as possible, `least` being the end of the fewest; `rest`: of the pattern. */
static const char *match_most(struct pattern *m, const char *least, const char *s, const char *rest)
{
    for (;; s--) {
        const char *end = match(m, s, rest);
        if (end != NULL || s == least)
            return end;
    }
}

/* As few as possible of the item from `p` to before `next`. */
static const char *match_fewest(struct pattern *m, const char *s, const char *p, const char *next)
{
    for (;; s++) {
        const char *end = match(m, s, next + 1);
        if (end != NULL || !fits(m, s, p, next))
            return end;
    }
}

static const char *open_capture(struct pattern *m, const char *s, const char *rest, int kind)
{
    if (m->count == PATTERN_CAPTURES)
        luaL_error(m->L, "too many captures");
    m->captures[m->count++] = (struct pattern_capture){s, kind};
    const char *end = match(m, s, rest);
    if (end == NULL)
        m->count--;
    return end;
}

/* The innermost that is open. */
static const char *close_capture(struct pattern *m, const char *s, const char *rest)
{
    int i = m->count - 1;
    while (i >= 0 && m->captures[i].len != PATTERN_OPEN)
        i--;
    if (i < 0)
        luaL_error(m->L, "invalid pattern capture");
    m->captures[i].len = s - m->captures[i].start;
    const char *end = match(m, s, rest);
    if (end == NULL)
        m->captures[i].len = PATTERN_OPEN;
    return end;
}

/* %1 to %9, and %0, which is never right. */
static const char *match_again(struct pattern *m, const char *s, char digit)
{
    int i = digit - '1';
    if (i < 0 || i >= m->count || m->captures[i].len == PATTERN_OPEN)
        luaL_error(m->L, "invalid capture index %%%d", i + 1);
    const struct pattern_capture *c = &m->captures[i];
    if (c->len == PATTERN_POSITION || c->len > m->subject_end - s)
        return NULL;
    pattern_spend(m, (size_t)c->len);
    return memcmp(c->start, s, (size_t)c->len) == 0 ? s + c->len : NULL;
}

/* %bxy; `p`: the x. */
static const char *match_balanced(struct pattern *m, const char *s, const char *p)
{
    if (m->end - p < 2)
        luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    if (s == m->subject_end || *s != p[0])
        return NULL;
    const char opens = p[0], closes = p[1], *from = s, *end = m->subject_end;
    size_t open = 1;
    for (s++; s != end; s++) {
        if (*s == closes && --open == 0)
            break;
        open += *s == opens && opens != closes;
    }
    pattern_spend(m, (size_t)(s - from));
    return s != end ? s + 1 : NULL;
}

/* %f[set]: the set's end when `s` is where it begins. `p`: the '['. */
static const char *match_frontier(struct pattern *m, const char *s, const char *p)
{
    if (*p != '[')
        luaL_error(m->L, "missing '[' after '%%f' in pattern");
    const char *next = set_end(m, p);
    char before = s == m->subject ? '\0' : s[-1];
    bool begins = !in_set(m, (unsigned char)before, p, next) && in_set(m, (unsigned char)*s, p, next);
    return begins ? next : NULL;
}

enum outcome { GO_ON, FAILED, ENDED };

/* The items of a '%' that are not for one character: %b, %f, %1. Behind one that matched, `*s` and `*p` are. */
static inline enum outcome match_special(struct pattern *m, const char **s, const char **p)
{
    const char kind = (*p)[1];
    if (kind == 'f') {
        *p = match_frontier(m, *s, *p + 2);
        return *p != NULL ? GO_ON : FAILED;
    }
    *s = kind == 'b' ? match_balanced(m, *s, *p + 2) : match_again(m, *s, kind);
    *p += kind == 'b' ? 4 : 2;
    return *s != NULL ? GO_ON : FAILED;
}

static inline bool is_special(const char *p)
{
    return *p == '%' && (p[1] == 'b' || p[1] == 'f' || is_digit((unsigned char)p[1]));
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

/* An item for one character, and what says how many of them. ENDED: the rest has been matched too. */
static inline enum outcome match_single(struct pattern *m, const char **s, const char **p)
{
    const char *item = *p, *next = item_end(m, item), *end;
    bool fit = fits(m, *s, item, next);
    *p = next + 1;
    switch (*next) {
    case '?':
        if (!fit)
            return GO_ON;
        end = match(m, *s + 1, next + 1);
        if (end == NULL)
            return GO_ON;
        *s = end;
        return ENDED;
    case '-':
        if (!fit)
            return GO_ON;
        *s = match_fewest(m, *s, item, next);
        return ENDED;
    case '*':
        if (!fit)
            return GO_ON;
        *s = match_most(m, *s, run_end(m, *s + 1, item, next), next + 1);
        return ENDED;
    case '+':
        if (!fit)
            return FAILED;
        *s = match_most(m, *s + 1, run_end(m, *s + 1, item, next), next + 1);
        return ENDED;
    default:
        *p = next;
        *s += fit;
        return fit ? GO_ON : FAILED;
    }
}

static const char *match_items(struct pattern *m, const char *s, const char *p)
{
    while (p != m->end) {
        pattern_spend(m, 1);
        if (*p == '(')
            return p[1] == ')' ? open_capture(m, s, p + 2, PATTERN_POSITION) : open_capture(m, s, p + 1, PATTERN_OPEN);
        if (*p == ')')
            return close_capture(m, s, p + 1);
        if (*p == '$' && p + 1 == m->end)
            return s == m->subject_end ? s : NULL;
        enum outcome o = is_special(p) ? match_special(m, &s, &p) : match_single(m, &s, &p);
        if (o != GO_ON)
            return o == ENDED ? s : NULL;
    }
    return s;
}

static const char *match(struct pattern *m, const char *s, const char *p)
{
    if (m->depth-- == 0)
        luaL_error(m->L, "pattern too complex");
    s = match_items(m, s, p);
    m->depth++;
    return s;
}

void pattern_init(struct pattern *m, lua_State *L, struct bytes subject, struct bytes text)
{
    m->L = L;
    m->subject = subject.data;
    m->subject_end = subject.data + subject.len;
    m->text = text.data;
    m->end = text.data + text.len;
    m->left = EVERY;
    m->count = 0;
}

bool pattern_take_anchor(struct pattern *m)
{
    bool anchored = *m->text == '^';
    m->text += anchored;
    return anchored;
}

const char *pattern_match(struct pattern *m, const char *s)
{
    m->depth = DEPTH_MAX;
    m->count = 0;
    pattern_spend(m, 1);
    return match(m, s, m->text);
}

/* The pattern begins with a character that must be there: matches begin at those alone. */
static bool begins_plain(const struct pattern *m)
{
    static const bool special[256] = {
        ['^'] = true, ['$'] = true, ['*'] = true, ['+'] = true, ['?'] = true, ['.'] = true,
        ['('] = true, [')'] = true, ['['] = true, ['%'] = true, ['-'] = true,
    };
    if (m->end - m->text < 2 || special[(unsigned char)m->text[0]])
        return false;
    return m->text[1] != '*' && m->text[1] != '?' && m->text[1] != '-';
}

const char *pattern_search(struct pattern *m, const char *s, const char **start)
{
    bool plain = begins_plain(m);
    for (;; s++) {
        if (plain)
            s = memchr(s, *m->text, (size_t)(m->subject_end - s));
        if (s == NULL)
            return NULL;
        const char *end = pattern_match(m, s);
        *start = s;
        if (end != NULL || s == m->subject_end)
            return end;
    }
}
