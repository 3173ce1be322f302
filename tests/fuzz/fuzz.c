#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINES = 1 << 13 };

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t lines[LINES];

void fuzz_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

struct bytes fuzz_part(struct bytes *rest)
{
    const char *mark = rest->len == 0 ? NULL : memmem(rest->data, rest->len, "\n%%\n", 4);
    struct bytes part = fuzz_take(rest, mark == NULL ? rest->len : (size_t)(mark - rest->data));
    if (mark != NULL)
        (void)fuzz_take(rest, 4);
    return part.len == 0 ? bytes_of("") : part;
}

struct bytes fuzz_take(struct bytes *rest, size_t n)
{
    struct bytes part = {rest->data, n < rest->len ? n : rest->len};
    if (part.len > 0)
        *rest = (struct bytes){rest->data + part.len, rest->len - part.len};
    return part;
}

unsigned fuzz_byte(struct bytes *rest)
{
    struct bytes one = fuzz_take(rest, 1);
    return one.len == 0 ? 0 : (unsigned char)*one.data;
}

/* Of stdlib only: a template's source is its text, which has a "(". */
static void on_line(lua_State *L, lua_Debug *ar)
{
    if (ar->event != LUA_HOOKLINE || lua_getinfo(L, "S", ar) == 0 || strchr(ar->source, '(') != NULL)
        return;
    unsigned hash = (unsigned)ar->currentline * 2654435761u;
    for (const char *p = ar->short_src; *p != '\0'; p++)
        hash = hash * 31 + (unsigned char)*p;
    uint8_t *counter = &lines[(hash >> 8) % LINES];
    if (*counter < 255)
        ++*counter;
}

void fuzz_count_lines(lua_State *L)
{
    lua_sethook(L, on_line, LUA_MASKLINE, 0);
}
