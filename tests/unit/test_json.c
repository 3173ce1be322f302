/* JSON as scripts see it: through a Lua state. Cases are Lua code, so that values need no C on the way. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "json_case.h"

struct code {
    const char *text;
    struct bytes arg;
    struct buf out;
};

static int run_code(lua_State *L)
{
    struct code *c = lua_touserdata(L, 1);
    if (luaL_loadstring(L, c->text) != LUA_OK)
        return lua_error(L);
    lua_pushlstring(L, c->arg.len == 0 ? "" : c->arg.data, c->arg.len);
    lua_call(L, 1, 1);
    size_t len;
    const char *s = luaL_tolstring(L, -1, &len);
    buf_append(&c->out, s, len);
    return 0;
}

/* What the code returns as text, or the error. Valid until the next call. */
static const char *lua_with(const char *text, struct bytes arg)
{
    static struct code c;
    struct err e;
    buf_clear(&c.out);
    c.text = text;
    c.arg = arg;
    if (state_run(&vm, run_code, &c, 0, &e) != 0) {
        buf_clear(&c.out);
        buf_append_str(&c.out, e.message);
    }
    return buf_cstr(&c.out);
}

static const char *lua(const char *text)
{
    return lua_with(text, bytes_of(""));
}

#define DECODE "local v, e = json_decode(...) return v == nil and 'error: ' .. e or json_encode(v)"

static void values_round_trip(void **state)
{
    static const char *const same[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "1",
        "1.5",
        "-0.25",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "{\"a\":[]}",
        "{\"a\":{}}",
        "[1,2,3]",
        "[null,null]",
        "{\"a\":null}",
        "9223372036854775807",
        "-9223372036854775808",
        "1234567890123456789",
        "9007199254740993",
        "1e+300",
        "5e-324",
        "1.7976931348623157e+308",
        "0.1",
        "1.0",
        "-1.0",
        "\"\\u0000\"",
        "\"a\\u0000b\"",
        "\"\\n\\t\\\"\\\\\"",
        "\"\\u001f\"",
        "\"é€😀\"",
        "\"\x7f\"",
        "{\"\":1}",
        "{\"a\":1,\"b\":[1,{\"c\":\"d\"}]}",
        "[[[[[[]]]]]]",
        "[true,false,null,\"x\",1,1.5]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_string_equal(lua_with(DECODE, bytes_of(same[i])), same[i]);
}

static void texts_are_normalised(void **state)
{
    static const char *const pairs[][2] = {
        {" [ 1 , 2 ] ", "[1,2]"},
        {"\t\r\n{\n}\n", "{}"},
        {"{\"b\":1,\"a\":2,\"B\":3,\"aa\":4}", "{\"B\":3,\"a\":2,\"aa\":4,\"b\":1}"},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
        {"\"\\u00e9\\ud83d\\ude00\\/\\b\\f\\r\"", "\"é😀/\\b\\f\\r\""},
        {"1E2", "100.0"},
        {"1e2", "100.0"},
        {"-0", "0"},
        {"-0.0", "-0.0"},
        {"123456789.125", "123456789.125"},
        {"0e0", "0.0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(lua_with(DECODE, bytes_of(pairs[i][0])), pairs[i][1]);
}

/* RFC 8259: everything that is not JSON is refused, with a place. */
static void what_is_not_json_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1;2]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "{,}",
        "[1}",
        "{\"a\":1]",
        "nul",
        "True",
        "TRUE",
        "nan",
        "NaN",
        "Infinity",
        "-Infinity",
        "undefined",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "-",
        "--1",
        "1e",
        "1e+",
        "1.e1",
        "0x10",
        "1_000",
        "1,2",
        "1 2",
        "[1]x",
        "[1][2]",
        "\"",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12G4\"",
        "\"\\ud800\"",
        "\"\\ud800x\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\n\"",
        "\"\t\"",
        "\"\x01\"",
        "'a'",
        "// c\n1",
        "/* c */1",
        "[1,,2]",
        "\xef\xbb\xbf{}",
        "\f1",
        "\v1",
        "\xc2\xa0"
        "1",
        "\"\\a\"",
        "\"\\'\"",
        "{\"a\\u0000\":1}",
        "9223372036854775808",
        "-9223372036854775809",
        "1e999",
        "-1e999",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *got = lua_with(DECODE, bytes_of(bad[i]));
        if (strncmp(got, "error: line ", 12) != 0 || strchr(got, '\n') != NULL)
            fail_msg("%s gave %s", bad[i], got);
    }
    assert_string_equal(lua_with(DECODE, (struct bytes){"1\0", 2}), "error: line 1, column 2: a NUL byte");
    assert_string_equal(lua_with(DECODE, (struct bytes){"\n[\"a\0b\"]", 8}), "error: line 2, column 4: a NUL byte");
}

static void bad_utf8_is_refused(void **state)
{
    static const char *const bad[] = {
        "\xff",
        "\x80",
        "\xc0\x80",
        "\xc3",
        "\xe2\x82",
        "\xed\xa0\x80",
        "\xf0\x9f\x98",
        "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[32];
        snprintf(text, sizeof text, "[\"ab%s\"]", bad[i]);
        assert_memory_equal(lua_with(DECODE, bytes_of(text)), "error: line 1, column ", 22);
        assert_non_null(strstr(lua_with("return json_encode({x = ...})", bytes_of(bad[i])),
                               "cannot encode x: text that is not valid UTF-8"));
        assert_non_null(strstr(lua_with("return json_encode({[(...)] = 1})", bytes_of(bad[i])),
                               "cannot encode a key that is not valid UTF-8"));
    }
}

static void mistakes_have_their_place(void **state)
{
    static const char *const pairs[][2] = {
        {"{\"a\": tru}", "error: line 1, column 7: invalid token near 'tru'"},
        {"[1,\n 2,\n  x]", "error: line 3, column 3: invalid token near 'x'"},
        {"[\"éé\", x]", "error: line 1, column 8: invalid token near 'x'"},
        {"{\"a\" 1}", "error: line 1, column 6: ':' expected near '1'"},
        {"{\"a\":1 \"bc\":2}", "error: line 1, column 8: '}' expected near '\"bc\"'"},
        {"[1] x", "error: line 1, column 5: end of the text expected near 'x'"},
        {"[\"a\\\n\"]", "error: line 2, column 1: invalid escape near '\"a\\ '"},
        {"{\"a\":1", "error: line 1, column 7: '}' expected at the end of the text"},
        {"", "error: line 1, column 1: it is empty; expected JSON"},
        {" \r\n", "error: line 1, column 1: it is empty; expected JSON"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(lua_with(DECODE, bytes_of(pairs[i][0])), pairs[i][1]);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    assert_string_equal(lua("local v = json_decode(('['):rep(512) .. (']'):rep(512)) return #json_encode(v)"), "1024");
    assert_string_equal(lua("return select(2, json_decode(('['):rep(513) .. (']'):rep(513)))"),
                        "line 1, column 513: nested deeper than 512 levels");
    assert_string_equal(lua("return select(2, json_decode('[\"[\\\\\"[\",\\n' .. ('[{\"a\":'):rep(300) .. '1' .. "
                            "('}]'):rep(300) .. ']'))"),
                        "line 2, column 1532: nested deeper than 512 levels");
    assert_string_equal(lua("return select(2, json_decode(('['):rep(100000)))"),
                        "line 1, column 513: nested deeper than 512 levels");
    assert_string_equal(lua("local t = {} for i = 1, 511 do t = {t} end return #json_encode(t)"), "1024");
    assert_non_null(
        strstr(lua("local t = {} for i = 1, 512 do t = {t} end return json_encode(t)"), "nested deeper than 512"));
    assert_non_null(strstr(lua("local t = {} t.me = t return json_encode({x = t})"), "cannot encode x.me.me"));
    assert_non_null(strstr(lua("local t = {} t.me = t return json_encode({x = t})"), "a table inside itself?"));
}

static void size_is_bounded(void **state)
{
    (void)state;
    assert_non_null(strstr(lua("local t = ('x'):rep(1e5) for i = 1, 100 do t = {t, t} end return json_encode(t)"),
                           "more than 64 MiB of JSON"));
    assert_non_null(strstr(lua("local s, t = ('x'):rep(1e7), {} for i = 1, 100 do t[i] = s end return json_encode(t)"),
                           "cannot encode [8]: more than 64 MiB of JSON"));
}

static void types_of_lua(void **state)
{
    (void)state;
    assert_string_equal(lua("return math.type(json_decode('1'))"), "integer");
    assert_string_equal(lua("return math.type(json_decode('1.0'))"), "float");
    assert_string_equal(lua("return json_decode('null') == json_null"), "true");
    assert_string_equal(lua("return json_null == require('cjson').null"), "true");
    assert_string_equal(lua("return json_is_array(json_decode('[]'))"), "true");
    assert_string_equal(lua("return json_is_array(json_decode('{}'))"), "false");
    assert_string_equal(lua("return json_is_array({})"), "false");
    assert_string_equal(lua("return json_is_array(json_array{})"), "true");
    assert_string_equal(lua("return #json_decode('\"a\\\\u0000b\"')"), "3");
    assert_string_equal(lua("return getmetatable(json_array{})"), "json.array");
}

static void lists_and_objects(void **state)
{
    (void)state;
    assert_string_equal(lua("return json_encode({})"), "{}");
    assert_string_equal(lua("return json_encode(json_array{})"), "[]");
    assert_string_equal(lua("return json_encode(json_array())"), "[]");
    assert_string_equal(lua("return json_encode({1, 2, {}})"), "[1,2,{}]");
    assert_string_equal(lua("return json_encode({[2.0] = 'b', [1.0] = 'a'})"), "[\"a\",\"b\"]");
    assert_string_equal(lua("local t = {} for i = 1, 300 do t['k' .. i] = {i = i} end "
                            "local s = json_encode(t) return s:sub(1, 40) .. #s"),
                        "{\"k1\":{\"i\":1},\"k10\":{\"i\":10},\"k100\":{\"i\"4885");
}

static void what_json_cannot_say_names_its_place(void **state)
{
    static const char *const pairs[][2] = {
        {"{data = {items = {{}, {x = 0/0}}}}", "cannot encode data.items[2].x: NaN"},
        {"{a = 1/0}", "cannot encode a: an infinite number"},
        {"{a = -1/0}", "cannot encode a: an infinite number"},
        {"{a = print}", "cannot encode a: a function"},
        {"{['a b'] = {coroutine.create(print)}}", "cannot encode [\"a b\"][1]: a thread"},
        {"{x = {1, 2, a = 3}}", "cannot encode x: a table with both names and numbers as keys"},
        {"{x = {[1] = 1, [3] = 3}}", "cannot encode x: a list with holes (its keys are not 1 to n)"},
        {"{[5] = 1}", "cannot encode a list with holes (its keys are not 1 to n)"},
        {"{[0] = 1}", "cannot encode a table with keys that are neither names nor 1 to n"},
        {"{[1.5] = 1}", "cannot encode a table with keys that are neither names nor 1 to n"},
        {"{[true] = 1}", "cannot encode a table with keys that are neither names nor 1 to n"},
        {"json_array{1, a = 2}", "cannot encode a list that has a named field"},
        {"print", "cannot encode a function"},
        {"nil", "cannot encode nil (json.null is the null of JSON)"},
        {"0/0", "cannot encode NaN"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char code[256], got[512];
        snprintf(code, sizeof code, "return json_encode(%s)", pairs[i][0]);
        snprintf(got, sizeof got, "%s", lua(code));
        /* In front stands the place of the code. */
        const char *from = strstr(got, "cannot encode");
        assert_non_null(from);
        assert_string_equal(from, pairs[i][1]);
    }
    assert_non_null(
        strstr(lua("local t = {x = 0/0} for i = 1, 60 do t = {['é' .. i] = t} end return json_encode(t)"), "…: NaN"));
}

static void an_encoder_recovers_from_errors(void **state)
{
    (void)state;
    assert_string_equal(lua("for i = 1, 100 do pcall(json_encode, {b = 1, a = {d = 0/0, c = {i}}}) end "
                            "return json_encode({b = 1, a = {d = 2}})"),
                        "{\"a\":{\"d\":2},\"b\":1}");
    assert_string_equal(lua("return #json_encode(('x'):rep(3000000))"), "3000002");
    assert_string_equal(lua("return json_encode({1})"), "[1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_round_trip),
        cmocka_unit_test(texts_are_normalised),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(bad_utf8_is_refused),
        cmocka_unit_test(mistakes_have_their_place),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(types_of_lua),
        cmocka_unit_test(lists_and_objects),
        cmocka_unit_test(what_json_cannot_say_names_its_place),
        cmocka_unit_test(an_encoder_recovers_from_errors),
    };
    return cmocka_run_group_tests(tests, json_case_setup, json_case_teardown);
}
