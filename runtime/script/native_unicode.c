/*
 * native: letters. Case is GNU libunistring's (Unicode's simple mappings: one code point to one, whatever the language,
 * as .NET's invariant culture has it); bytes that are no UTF-8 stay as they are.
 */
#include "script/budget.h"
#include "script/native.h"

#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <unistr.h>

enum { EVERY = 1 << 14 };

/* Once a letter; `turns` counts them. */
static void count(lua_State *L, unsigned *turns)
{
    if (++*turns % EVERY == 0)
        budget_check(L);
}

static const uint8_t *check_text(lua_State *L, int arg, size_t *len)
{
    budget_check(L);
    return (const uint8_t *)luaL_checklstring(L, arg, len);
}

/* One code point, or one byte that is part of none (then *c is 0xFFFFFFFF). */
static size_t next_letter(const uint8_t *s, size_t left, ucs4_t *c)
{
    int n = u8_mbtoucr(c, s, left);
    if (n > 0)
        return (size_t)n;
    *c = (ucs4_t)-1;
    return 1;
}

static void put_letter(struct buf *b, ucs4_t c, const uint8_t *otherwise)
{
    uint8_t bytes[6];
    int n = c == (ucs4_t)-1 ? 0 : u8_uctomb(bytes, c, sizeof bytes);
    if (n > 0)
        buf_append(b, bytes, (size_t)n);
    else
        buf_append(b, otherwise, 1);
}

static bool is_ascii(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] >= 128)
            return false;
    return true;
}

static ucs4_t mapped(ucs4_t c, ucs4_t (*map)(ucs4_t))
{
    return c == (ucs4_t)-1 ? c : map(c);
}

/* ASCII alone, most of the time. */
static void change_ascii(struct buf *b, const uint8_t *s, size_t len, bool upper)
{
    if (buf_reserve(b, len) != 0)
        return;
    for (size_t i = 0; i < len; i++) {
        bool other = upper ? s[i] >= 'a' && s[i] <= 'z' : s[i] >= 'A' && s[i] <= 'Z';
        b->data[i] = (char)(other ? s[i] ^ 0x20 : s[i]);
    }
    b->len = len;
}

static int change_case(lua_State *L, ucs4_t (*map)(ucs4_t))
{
    size_t len, n;
    unsigned turns = 0;
    const uint8_t *s = check_text(L, 1, &len);
    struct buf *b = &native_self(L)->scratch;
    buf_clear(b);
    if (is_ascii(s, len)) {
        change_ascii(b, s, len, map == uc_toupper);
        return native_push_buf(L, b);
    }
    for (size_t i = 0; i < len; i += n, count(L, &turns)) {
        ucs4_t c;
        n = next_letter(s + i, len - i, &c);
        put_letter(b, mapped(c, map), s + i);
    }
    return native_push_buf(L, b);
}

static int l_upper(lua_State *L)
{
    return change_case(L, uc_toupper);
}

static int l_lower(lua_State *L)
{
    return change_case(L, uc_tolower);
}

static bool in_word(ucs4_t c)
{
    static const uint32_t mask =
        UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_Co | UC_CATEGORY_MASK_Cn;
    return c == (ucs4_t)-1 || uc_is_general_category_withtable(c, mask);
}

static bool is_letter(ucs4_t c)
{
    return c != (ucs4_t)-1 && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L);
}

/* The end of the stretch of a word that begins at `at`: up to an apostrophe or the word's end. */
static size_t stretch_end(const uint8_t *s, size_t len, size_t at, bool *small)
{
    ucs4_t c;
    for (size_t n; at < len; at += n) {
        n = next_letter(s + at, len - at, &c);
        if (!in_word(c))
            break;
        *small = *small || (c != (ucs4_t)-1 && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Ll));
    }
    return at;
}

/* The rest of a word behind its first letter: small, unless it has no small letter (an acronym). An apostrophe does not
 * end the word, and what follows it is small. */
static size_t put_rest(lua_State *L, struct buf *b, const uint8_t *s, size_t len, size_t at)
{
    bool small = false;
    unsigned turns = 0;
    for (;;) {
        size_t end = stretch_end(s, len, at, &small), n;
        for (; at < end; at += n, count(L, &turns)) {
            ucs4_t c;
            n = next_letter(s + at, len - at, &c);
            put_letter(b, small ? mapped(c, uc_tolower) : c, s + at);
        }
        if (at == len || s[at] != '\'')
            return at;
        buf_append_char(b, '\'');
        at++;
        small = true;
    }
}

/* As TextInfo.ToTitleCase of .NET. */
static int l_title(lua_State *L)
{
    size_t len, n;
    unsigned turns = 0;
    const uint8_t *s = check_text(L, 1, &len);
    struct buf *b = &native_self(L)->scratch;
    buf_clear(b);
    for (size_t i = 0; i < len; count(L, &turns)) {
        ucs4_t c;
        n = next_letter(s + i, len - i, &c);
        put_letter(b, is_letter(c) ? uc_totitle(c) : c, s + i);
        i = is_letter(c) ? put_rest(L, b, s, len, i + n) : i + n;
    }
    return native_push_buf(L, b);
}

/* The bytes up to the end of the last letter or digit. */
static int l_alnum_end(lua_State *L)
{
    size_t len, n, end = 0;
    unsigned turns = 0;
    const uint8_t *s = check_text(L, 1, &len);
    for (size_t i = 0; i < len; i += n, count(L, &turns)) {
        ucs4_t c;
        n = next_letter(s + i, len - i, &c);
        if (is_letter(c) || (c != (ucs4_t)-1 && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Nd)))
            end = i + n;
    }
    lua_pushinteger(L, (lua_Integer)end);
    return 1;
}

static bool same_letters(lua_State *L, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    for (unsigned turns = 0; a_len > 0 && b_len > 0; count(L, &turns)) {
        ucs4_t x, y;
        size_t m = next_letter(a, a_len, &x), n = next_letter(b, b_len, &y);
        if (x != y && mapped(x, uc_toupper) != mapped(y, uc_toupper))
            return false;
        if (x == (ucs4_t)-1 && *a != *b)
            return false;
        a += m, a_len -= m;
        b += n, b_len -= n;
    }
    return a_len == 0 && b_len == 0;
}

/* Whether two texts differ in case alone. */
static int l_same_letters(lua_State *L)
{
    size_t a_len, b_len;
    const uint8_t *a = check_text(L, 1, &a_len), *b = check_text(L, 2, &b_len);
    bool possible = a_len == b_len || !is_ascii(a, a_len) || !is_ascii(b, b_len);
    lua_pushboolean(L, possible && same_letters(L, a, a_len, b, b_len));
    return 1;
}

const struct luaL_Reg native_unicode_functions[] = {{"upper", l_upper},
                                                    {"lower", l_lower},
                                                    {"title", l_title},
                                                    {"alnum_end", l_alnum_end},
                                                    {"same_letters", l_same_letters},
                                                    {NULL, NULL}};
