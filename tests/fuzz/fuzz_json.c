/*
 * fuzz_json: any bytes as JSON. The codec of scripts takes what RFC 8259 says (rfc8259.c) within the runtime's bounds,
 * reads every value as it stands there, writes what reads back as the same, and json_scan finds the same members. The
 * input as a string goes through json_write, too.
 */
#include "core/json_scan.h"
#include "core/json_write.h"
#include "fuzz.h"
#include "rfc8259.h"
#include "script/json.h"
#include "script/state.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCANNED_DEPTH = 64 /* each level reads all of what is in it */ };

static struct state state;

/* --- what the runtime is expected to say ------------------------------------------------------------------------ */

/* Copied out, for the functions of C that read numbers. */
static const char *written(const struct rfc8259_value *v)
{
    static struct buf text;
    buf_clear(&text);
    buf_append_bytes(&text, v->written);
    return buf_cstr(&text);
}

/* The bounds that section 9 leaves to readers: numbers that 64 bits cannot hold, a NUL in a name. */
static bool within_bounds(const struct rfc8259_value *v)
{
    if (v->name.len > 0 && memchr(v->name.data, '\0', v->name.len) != NULL)
        return false;
    errno = 0;
    if (v->kind == RFC8259_NUMBER && rfc8259_is_integer(v))
        return (void)strtoll(written(v), NULL, 10), errno == 0;
    if (v->kind == RFC8259_NUMBER)
        return isfinite(strtod(written(v), NULL));
    for (const struct rfc8259_value *one = v->first; one != NULL; one = one->next)
        if (!within_bounds(one))
            return false;
    return true;
}

/* --- what was read ---------------------------------------------------------------------------------------------- */

static void check_value(lua_State *L, const struct rfc8259_value *v);

static void check_number(lua_State *L, const struct rfc8259_value *v)
{
    if (rfc8259_is_integer(v)) {
        FUZZ_CHECK(lua_isinteger(L, -1) && lua_tointeger(L, -1) == strtoll(written(v), NULL, 10));
        return;
    }
    double want = strtod(written(v), NULL), got = lua_tonumber(L, -1);
    FUZZ_CHECK(lua_type(L, -1) == LUA_TNUMBER && !lua_isinteger(L, -1));
    FUZZ_CHECK(memcmp(&want, &got, sizeof got) == 0);
}

static void check_text(lua_State *L, struct bytes want)
{
    struct bytes got;
    got.data = lua_tolstring(L, -1, &got.len);
    FUZZ_CHECK(lua_type(L, -1) == LUA_TSTRING && bytes_equal(got, want));
}

/* `marked`: it has the metatable of lists. */
static void check_array(lua_State *L, const struct rfc8259_value *v, bool marked)
{
    lua_Integer n = 0;
    FUZZ_CHECK(marked);
    for (const struct rfc8259_value *one = v->first; one != NULL; one = one->next) {
        lua_rawgeti(L, -1, ++n);
        check_value(L, one);
        lua_pop(L, 1);
    }
    FUZZ_CHECK(lua_rawlen(L, -1) == (size_t)n);
}

static void check_object(lua_State *L, const struct rfc8259_value *v, bool marked)
{
    size_t names = 0;
    FUZZ_CHECK(!marked);
    for (const struct rfc8259_value *one = v->first; one != NULL; one = one->next) {
        if (rfc8259_member(v, one->name) != one)
            continue; /* given again later */
        names++;
        lua_pushlstring(L, one->name.data, one->name.len);
        lua_rawget(L, -2);
        check_value(L, one);
        lua_pop(L, 1);
    }
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
        names--;
    FUZZ_CHECK(names == 0);
}

/* The value at the top of the stack against the one that was written. */
static void check_value(lua_State *L, const struct rfc8259_value *v)
{
    luaL_checkstack(L, 8, NULL);
    int marked = lua_type(L, -1) == LUA_TTABLE && lua_getmetatable(L, -1);
    lua_pop(L, marked);
    switch (v->kind) {
    case RFC8259_NULL:
        FUZZ_CHECK(lua_type(L, -1) == LUA_TLIGHTUSERDATA && lua_touserdata(L, -1) == NULL);
        break;
    case RFC8259_FALSE:
    case RFC8259_TRUE:
        FUZZ_CHECK(lua_isboolean(L, -1) && lua_toboolean(L, -1) == (v->kind == RFC8259_TRUE));
        break;
    case RFC8259_NUMBER:
        check_number(L, v);
        break;
    case RFC8259_STRING:
        check_text(L, v->text);
        break;
    case RFC8259_ARRAY:
        FUZZ_CHECK(lua_istable(L, -1));
        check_array(L, v, marked);
        break;
    case RFC8259_OBJECT:
        FUZZ_CHECK(lua_istable(L, -1));
        check_object(L, v, marked);
        break;
    }
}

/* --- the codec -------------------------------------------------------------------------------------------------- */

/* Leaves the value or nil, and the message, at the top. */
static bool decode(lua_State *L, struct bytes text)
{
    lua_getglobal(L, "json_decode");
    lua_pushlstring(L, text.data, text.len);
    lua_call(L, 1, 2);
    return !lua_isnil(L, -2);
}

/* A mistake is one line with its place. */
static void check_message(lua_State *L, struct bytes text)
{
    int line = 0, column = 0;
    const char *message = lua_tostring(L, -1);
    FUZZ_CHECK(message != NULL && sscanf(message, "line %d, column %d: ", &line, &column) == 2);
    FUZZ_CHECK(strchr(message, '\n') == NULL);
    FUZZ_CHECK(line >= 1 && column >= 1 && (size_t)line + (size_t)column <= text.len + 3);
}

/* The value at the top is written, and what is written read back. */
static void check_writing(lua_State *L)
{
    struct bytes once, twice;
    lua_getglobal(L, "json_encode");
    lua_pushvalue(L, -2);
    lua_call(L, 1, 1);
    once.data = lua_tolstring(L, -1, &once.len);
    const struct rfc8259_value *v = rfc8259_read(once);
    FUZZ_CHECK(v != NULL);
    lua_pushvalue(L, -2);
    check_value(L, v);
    lua_pop(L, 1);
    FUZZ_CHECK(decode(L, once));
    lua_getglobal(L, "json_encode");
    lua_pushvalue(L, -3);
    lua_call(L, 1, 1);
    twice.data = lua_tolstring(L, -1, &twice.len);
    FUZZ_CHECK(bytes_equal(once, twice));
}

static int try_codec(lua_State *L)
{
    struct bytes text = *(struct bytes *)lua_touserdata(L, 1);
    const struct rfc8259_value *v = rfc8259_read(text);
    bool wanted = v != NULL && rfc8259_depth(v) <= JSON_DEPTH_MAX && within_bounds(v);
    bool taken = decode(L, text);
    if (taken != wanted)
        fuzz_fail("%s, but should %sbe: %s", taken ? "taken" : "refused", wanted ? "" : "not ",
                  taken ? "" : lua_tostring(L, -1));
    if (!taken) {
        check_message(L, text);
        return 0;
    }
    lua_pop(L, 1);
    check_value(L, v);
    check_writing(L);
    return 0;
}

static int open_json(lua_State *L)
{
    lua_pushglobaltable(L);
    json_open(L);
    return 0;
}

/* --- the scanner ------------------------------------------------------------------------------------------------ */

static bool is_plain_name(struct bytes name)
{
    return bytes_only(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. ");
}

static void scan_object(const struct rfc8259_value *v)
{
    char name[64];
    for (const struct rfc8259_value *one = v->first; one != NULL; one = one->next) {
        if (!is_plain_name(one->name) || one->name.len >= sizeof name)
            continue;
        memcpy(name, one->name.data, one->name.len);
        name[one->name.len] = '\0';
        struct bytes found = json_scan_member(v->written, name), want = rfc8259_member(v, one->name)->written;
        FUZZ_CHECK(found.data == want.data && found.len == want.len);
    }
    FUZZ_CHECK(json_scan_member(v->written, "no such").data == NULL || rfc8259_member(v, bytes_of("no such")) != NULL);
}

static void scan_array(const struct rfc8259_value *v)
{
    struct bytes rest = v->written, found;
    for (const struct rfc8259_value *one = v->first; one != NULL; one = one->next) {
        FUZZ_CHECK(json_scan_next(&rest, &found));
        FUZZ_CHECK(found.data == one->written.data && found.len == one->written.len);
    }
    FUZZ_CHECK(!json_scan_next(&rest, &found));
}

static void scan_all(const struct rfc8259_value *v)
{
    if (v->kind == RFC8259_OBJECT)
        scan_object(v);
    else if (v->kind == RFC8259_ARRAY)
        scan_array(v);
    for (const struct rfc8259_value *one = v->first; one != NULL; one = one->next)
        scan_all(one);
}

/* What is no JSON ends somewhere, too. */
static void try_scanner(struct bytes text)
{
    struct bytes rest = text, one;
    const struct rfc8259_value *v = rfc8259_read(text);
    if (v != NULL && rfc8259_depth(v) <= SCANNED_DEPTH) {
        scan_all(v);
        return;
    }
    (void)json_scan_member(text, "a");
    for (size_t i = 0; json_scan_next(&rest, &one); i++)
        FUZZ_CHECK(i <= text.len && one.data >= text.data && one.data + one.len <= text.data + text.len);
}

/* --- the writer ------------------------------------------------------------------------------------------------- */

static void try_writer(struct bytes text)
{
    static struct buf out;
    struct json_write w;
    bool valid = rfc8259_utf8(text) == text.len;
    buf_clear(&out);
    json_write_init(&w, &out);
    json_write_bytes(&w, NULL, text);
    const struct rfc8259_value *v = rfc8259_read(buf_view(&out));
    FUZZ_CHECK(v != NULL && v->kind == RFC8259_STRING);
    FUZZ_CHECK(!valid || bytes_equal(v->text, text));
    buf_clear(&out);
    FUZZ_CHECK((json_escape(&out, text) == 0) == valid && (valid || out.len == 0));
}

static void try_number(struct bytes text)
{
    double n, back;
    char out[32];
    if (text.len < sizeof n)
        return;
    memcpy(&n, text.data, sizeof n);
    FUZZ_CHECK((json_number(out, n) == 0) == (isfinite(n) != 0));
    if (!isfinite(n))
        return;
    back = strtod(out, NULL);
    const struct rfc8259_value *v = rfc8259_read(bytes_of(out));
    FUZZ_CHECK(v != NULL && v->kind == RFC8259_NUMBER && !rfc8259_is_integer(v));
    FUZZ_CHECK(memcmp(&n, &back, sizeof n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes text = {(const char *)input, size};
    struct err e;
    if (text.len == 0)
        text = bytes_of("");
    if (state.L == NULL && (state_init(&state, &e) != 0 || state_run(&state, open_json, NULL, 0, &e) != 0))
        fuzz_fail("%s", e.message);
    if (state_run(&state, try_codec, &text, 0, &e) != 0)
        fuzz_fail("%s", e.message);
    try_scanner(text);
    try_writer(text);
    try_number(text);
    return 0;
}
