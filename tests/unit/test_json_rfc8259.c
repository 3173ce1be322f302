/*
 * What RFC 8259 says of JSON, case by case, and numbers by their bits: through the codec that scripts have. Section
 * numbers are the RFC's. Where it leaves something to the reader, the comment says what ours does.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "json_case.h"

enum { NUMBERS = 50000 };

#define T(text)                                                                                                        \
    {                                                                                                                  \
        text, sizeof text - 1                                                                                          \
    }

struct decoding {
    struct bytes text;
    bool taken;
};

static int decode(lua_State *L)
{
    struct decoding *d = lua_touserdata(L, 1);
    lua_getglobal(L, "json_decode");
    lua_pushlstring(L, d->text.data, d->text.len);
    lua_call(L, 1, 1);
    d->taken = !lua_isnil(L, -1);
    return 0;
}

static bool takes(struct bytes text)
{
    struct decoding d = {.text = text};
    assert_int_equal(state_run(&vm, decode, &d, 0, NULL), 0);
    return d.taken;
}

static void each_is(const struct bytes *texts, size_t count, bool taken)
{
    for (size_t i = 0; i < count; i++)
        if (takes(texts[i]) != taken)
            fail_msg("%s: %.*s", taken ? "refused" : "taken", (int)texts[i].len, texts[i].data);
}

#define ALL_TAKEN(texts)   each_is(texts, sizeof texts / sizeof *texts, true)
#define ALL_REFUSED(texts) each_is(texts, sizeof texts / sizeof *texts, false)

/* 2: any value alone; four kinds of blanks, wherever they may stand. */
static void texts(void **state)
{
    static const struct bytes good[] = {
        T("null"),
        T("true"),
        T("false"),
        T("0"),
        T("\"\""),
        T("[]"),
        T("{}"),
        T(" 1 "),
        T("\t\n\r 1\r\n"),
        T("[ ]"),
        T("{ }"),
        T("[1 ,2]"),
        T("[1, 2]"),
        T("[[]]"),
        T("{\"a\" :1}"),
        T("{\"a\": 1}"),
        T("{ \"a\":1 }"),
        T("[\n1\n]"),
        T("{\"\":{}}"),
        T("[{}]"),
        T("{\"a\":[1,{}]}"),
        T("[null,null]"),
        T("{\"a\":1,\"b\":2}"),
        T("[true,false]"),
    };
    static const struct bytes bad[] = {
        T(""),
        T(" "),
        T("\v1"),
        T("\f1"),
        T("1\v"),
        T("\xc2\xa0"
          "1"),
        T("1 1"),
        T("[]{}"),
        T("null,"),
        T("nul"),
        T("nulll"),
        T("Null"),
        T("TRUE"),
        T("tru"),
        T("undefined"),
        T("'a'"),
        T("a"),
        T("// a\n1"),
        T("1 # a"),
        T("/**/1"),
        T("[1]]"),
        T("1\0"),
        T("\0"),
        T("[1\0]"),
        T("1,\0"),
        T("\xef\xbb\xbf"
          "1"),
        T("\xff\xfe"
          "1\0"),
        T("\xef\xbb\xbf"),
        T("\xe2\x80\xa8"
          "1"),
        T("1;"),
    };
    (void)state;
    ALL_TAKEN(good);
    ALL_REFUSED(bad);
}

/* 4 and 5. Of members with the same name the last counts (4 leaves it open). */
static void structures(void **state)
{
    static const struct bytes bad[] = {
        T("["),
        T("]"),
        T("{"),
        T("}"),
        T("[1"),
        T("[1,"),
        T("[1,]"),
        T("[,1]"),
        T("[,]"),
        T("[1,,2]"),
        T("[1 2]"),
        T("[1:2]"),
        T("[1}"),
        T("{\"a\"}"),
        T("{\"a\":}"),
        T("{\"a\":1,}"),
        T("{,}"),
        T("{,\"a\":1}"),
        T("{\"a\" 1}"),
        T("{\"a\",1}"),
        T("{\"a\"=1}"),
        T("{a:1}"),
        T("{1:1}"),
        T("{null:1}"),
        T("{'a':1}"),
        T("{\"a\":1]"),
        T("{\"a\":1 \"b\":2}"),
        T("{\"a\":1;\"b\":2}"),
        T("{\"a\"::1}"),
        T("{\"a\":1,,\"b\":2}"),
        T("{[]:1}"),
        T("[\"a\":1]"),
        T("{\"a\":1"),
        T("{\"a\""),
        T("{\"a\":"),
        T("(1)"),
    };
    (void)state;
    ALL_REFUSED(bad);
    assert_true(takes(bytes_of("{\"a\":1,\"a\":2}")));
}

/* 6. Whole numbers beyond 64 bits and doubles beyond theirs are refused, not changed (6 allows to set limits). */
static void numbers(void **state)
{
    static const struct bytes good[] = {
        T("-0"),
        T("-1"),
        T("10"),
        T("0.0"),
        T("-0.5"),
        T("1.50"),
        T("0e0"),
        T("0E+0"),
        T("1e1"),
        T("1E1"),
        T("1e+1"),
        T("1e-1"),
        T("1.5e10"),
        T("1e01"),
        T("1e-999"),
        T("0.1e-07"),
        T("9223372036854775807"),
        T("-9223372036854775808"),
        T("1.7976931348623157e308"),
        T("5e-324"),
        T("9223372036854775808.0"),
        T("123456789012345678901234567890e0"),
    };
    static const struct bytes bad[] = {
        T("-"),
        T("+1"),
        T("01"),
        T("-01"),
        T("00"),
        T("1."),
        T(".1"),
        T("-.1"),
        T("1.e1"),
        T("1e"),
        T("1e+"),
        T("1e-"),
        T("1ee1"),
        T("1e1.5"),
        T("1.2.3"),
        T("--1"),
        T("- 1"),
        T("1 .5"),
        T("0x1"),
        T("1_0"),
        T("1f"),
        T("NaN"),
        T("-NaN"),
        T("nan"),
        T("Infinity"),
        T("-Infinity"),
        T("inf"),
        T("1,5"),
        T("\xef\xbc\x91"),
        T("\xd9\xa1"),
        T("1\\u0030"),
        T("9223372036854775808"),
        T("-9223372036854775809"),
        T("1e309"),
        T("-1e309"),
    };
    (void)state;
    ALL_TAKEN(good);
    ALL_REFUSED(bad);
}

/* 7 and 8. A surrogate alone is no character, and is refused (8.2 leaves it open); so is a NUL in a name. */
static void strings(void **state)
{
    static const struct bytes good[] = {
        T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
        T("\"\\u0000\""),
        T("\"\\u001f\""),
        T("\"\\uFFFF\""),
        T("\"\\ud7ff\\ue000\""),
        T("\"\\uD834\\uDD1E\""),
        T("\"\\uDBFF\\uDFFF\""),
        T("\"/'\""),
        T("\"\x7f\""),
        T("\"\xc2\x80\""),
        T("\"\xe2\x82\xac\""),
        T("\"\xf0\x9f\x98\x80\""),
        T("\"\xef\xbf\xbf\""),
        T("\"\xe2\x80\xa8\xe2\x80\xa9\""),
        T("\"\xf4\x8f\xbf\xbf\""),
        T("\"\xef\xbb\xbf\""),
        T("{\"\\u0061\":1}"),
    };
    static const struct bytes bad[] = {
        T("\""),
        T("\"a"),
        T("\"\\"),
        T("\"\\\""),
        T("a\""),
        T("\"a\"b\""),
        T("\"\\a\""),
        T("\"\\x41\""),
        T("\"\\0\""),
        T("\"\\'\""),
        T("\"\\U0041\""),
        T("\"\\\n\""),
        T("\"\\u\""),
        T("\"\\u1\""),
        T("\"\\u12\""),
        T("\"\\u123\""),
        T("\"\\u123g\""),
        T("\"\\u{41}\""),
        T("\"\0\""),
        T("\"\x01\""),
        T("\"\t\""),
        T("\"\n\""),
        T("\"\r\""),
        T("\"\x1f\""),
        T("\"\\ud800\""),
        T("\"\\udfff\""),
        T("\"\\ud800a\""),
        T("\"\\ud800\\n\""),
        T("\"\\ud800\\u0041\""),
        T("\"\\udc00\\ud800\""),
        T("\"\x80\""),
        T("\"\xc0\x80\""),
        T("\"\xc1\xbf\""),
        T("\"\xc2\""),
        T("\"\xe0\x80\x80\""),
        T("\"\xe2\x82\""),
        T("\"\xed\xa0\x80\""),
        T("\"\xed\xbf\xbf\""),
        T("\"\xf0\x80\x80\x80\""),
        T("\"\xf4\x90\x80\x80\""),
        T("\"\xf5\x80\x80\x80\""),
        T("\"\xff\""),
        T("{\"\xff\":1}"),
        T("{\"a\\u0000b\":1}"),
        T("\"\xf0\x9f\x98\""),
        T("\"\\u00e\xcc\x81\""),
    };
    (void)state;
    ALL_TAKEN(good);
    ALL_REFUSED(bad);
}

/* 9 allows to set a limit: 512 levels. */
static void depth(void **state)
{
    char text[2 * (JSON_DEPTH_MAX + 1)];
    (void)state;
    for (int levels = JSON_DEPTH_MAX; levels <= JSON_DEPTH_MAX + 1; levels++) {
        memset(text, '[', (size_t)levels);
        memset(text + levels, ']', (size_t)levels);
        assert_int_equal(takes((struct bytes){text, 2 * (size_t)levels}), levels == JSON_DEPTH_MAX);
    }
}

/* --- numbers, by their bits ------------------------------------------------------------------------------------- */

static uint64_t next_bits(uint64_t *x)
{
    *x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
    return *x;
}

/* The value at the top: written, and read again. */
static void write_and_read(lua_State *L)
{
    lua_getglobal(L, "json_encode");
    lua_insert(L, -2);
    lua_call(L, 1, 1);
    lua_getglobal(L, "json_decode");
    lua_insert(L, -2);
    lua_call(L, 1, 1);
}

/* Of all lengths: many bits cut off the front. */
static int try_integers(lua_State *L)
{
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < NUMBERS; i++) {
        lua_Integer n = (lua_Integer)next_bits(&x) >> i % 64;
        lua_pushinteger(L, n);
        write_and_read(L);
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) != n)
            return luaL_error(L, "%I became %s", (LUAI_UACINT)n, luaL_tolstring(L, -1, NULL));
        lua_pop(L, 1);
    }
    return 0;
}

static int try_doubles(lua_State *L)
{
    uint64_t x = 1442695040888963407u;
    for (int i = 0; i < NUMBERS; i++) {
        uint64_t bits = next_bits(&x), back;
        double n, got;
        memcpy(&n, &bits, sizeof n);
        if (i % 2 == 1)
            n = (double)(int64_t)bits / (double)(1 << i % 20); /* as payloads have them */
        if (!isfinite(n))
            continue;
        lua_pushnumber(L, n);
        write_and_read(L);
        got = lua_tonumber(L, -1);
        memcpy(&bits, &n, sizeof bits);
        memcpy(&back, &got, sizeof back);
        if (lua_isinteger(L, -1) || bits != back)
            return luaL_error(L, "%f became %s", n, luaL_tolstring(L, -1, NULL));
        lua_pop(L, 1);
    }
    return 0;
}

static void run(int (*what)(lua_State *))
{
    struct err e;
    if (state_run(&vm, what, NULL, 0, &e) != 0)
        fail_msg("%s", e.message);
}

static void integers_keep_64_bits(void **state)
{
    (void)state;
    run(try_integers);
}

static void doubles_keep_their_bits(void **state)
{
    (void)state;
    run(try_doubles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(structures),
        cmocka_unit_test(numbers),
        cmocka_unit_test(strings),
        cmocka_unit_test(depth),
        cmocka_unit_test(integers_keep_64_bits),
        cmocka_unit_test(doubles_keep_their_bits),
    };
    return cmocka_run_group_tests(tests, json_case_setup, json_case_teardown);
}
