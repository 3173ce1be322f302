/*
 * fuzz_template: any text as a template, compiled and rendered for a place with some data. An input is the place's
 * name, the template and JSON data, each from the next by a line "%%"; a place or data that are none are replaced, so
 * that every input renders. A mistake must be one of the input, never of the library; nothing may crash, hang or grow.
 *
 * The coverage that guides the fuzzer is that of the C code and of stdlib's lines, told by a hook.
 */
#include "fuzz.h"
#include "script/boot.h"
#include "script/generation.h"
#include "script/native.h"
#include "script/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_MAX = 64 << 20 };

static const char DATA[] =
    "{\"n\":7,\"f\":-1.5,\"big\":9007199254740993,\"huge\":1e300,\"tiny\":5e-324,\"s\":\"a \\\"quoted\\\" \\\\ \\u0001 "
    "ñ \\ud83d\\ude00"
    " \\r\\n<&>\",\"e\":\"\",\"t\":true,\"x\":null,\"o\":{\"a\":{\"b\":[1,2,{\"c\":\"d\"}]},\"A\":1},\"l\":[1,\"two\","
    "null,[3],{\"k\":4}],"
    "\"none\":[],\"d\":\"2026-11-23T10:20:30.5+03:00\",\"time\":\"10:20:30\",\"w\":\"Привет мир it's a test\"}";

static struct state state;
static struct native native;

static void open_all(void)
{
    struct err e;
    native_init(&native, &(struct generation_options){.path_count = 0});
    if (state_init(&state, &e) != 0 || boot_open(&state, &native, &e) != 0) {
        fprintf(stderr, "%s\n", e.message);
        abort();
    }
    fuzz_count_lines(state.L);
}

static const char *place_of(struct bytes name)
{
    static const char *const places[] = {"text", "json", "form", "url", "header", "xml"};
    unsigned sum = 0;
    for (size_t i = 0; i < 6; i++)
        if (bytes_equal(name, bytes_of(places[i])))
            return places[i];
    for (size_t i = 0; i < name.len; i++)
        sum += (unsigned char)name.data[i];
    return places[sum % 6];
}

/* Mistakes of the library itself read like Lua's own; an input may quote them. */
static void check_message(struct bytes text, const char *message)
{
    static const char *const lua[] = {"attempt to ", "bad argument", "stdlib/", "stack overflow"};
    for (size_t i = 0; i < sizeof lua / sizeof *lua; i++) {
        bool quoted = memmem(text.data, text.len, lua[i], strlen(lua[i])) != NULL;
        if (!quoted && strstr(message, lua[i]) != NULL) {
            fprintf(stderr, "the library failed: %s\n", message);
            abort();
        }
    }
}

static void check_header(struct bytes text, const struct buf *out)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
            return; /* as written */
    for (size_t i = 0; i < out->len; i++)
        if (out->data[i] == '\r' || out->data[i] == '\n' || out->data[i] == '\0')
            abort();
}

static int render(struct bytes text, const char *as, struct bytes data, struct buf *out, struct err *e)
{
    const struct boot_arg args[] = {{.text = text}, {.text = bytes_of(as)}, {.text = data}};
    buf_clear(out);
    return boot_call(&state, "template", args, 3, 0, out, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct buf out;
    struct bytes rest = {(const char *)input, size};
    struct err e = {.code = 0};
    if (state.L == NULL)
        open_all();
    const char *as = place_of(fuzz_part(&rest));
    struct bytes text = fuzz_part(&rest);
    int rc = render(text, as, rest, &out, &e);
    if (rc != 0 && e.code == 400)
        rc = render(text, as, bytes_of(DATA), &out, &e);
    if (rc != 0)
        check_message(text, e.message);
    else if (strcmp(as, "header") == 0)
        check_header(text, &out);
    if (native.text.len != 0 && rc == 0)
        abort(); /* something was written and not taken */
    native.text.len = 0;
    if (state.used > MEMORY_MAX)
        lua_gc(state.L, LUA_GCCOLLECT);
    if (state.used > MEMORY_MAX)
        abort();
    return 0;
}
