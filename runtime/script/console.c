#include "script/console.h"

#include "script/boot.h"
#include "script/generation_internal.h"

#include <stdlib.h>
#include <string.h>

struct console {
    struct generation *generation;
    int ref;         /* of the session in the registry */
    int64_t used_ms; /* CPU time of the line */
};

/* --- beginning ---------------------------------------------------------------------------------------------------- */

struct making {
    struct console *console;
    struct bytes kept;
};

static int run_new(lua_State *L)
{
    struct making *m = lua_touserdata(L, 1);
    boot_push(L, "console_new");
    if (m->kept.len > 0)
        native_push_bytes(L, m->kept);
    else
        lua_pushnil(L);
    lua_call(L, 1, 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    m->console->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

int console_new(struct generation *g, struct bytes kept, void (*on_text)(void *ud, struct bytes text), void *ud,
                struct console **out, struct err *e)
{
    struct console *c = malloc(sizeof *c);
    if (c == NULL) {
        generation_unref(g);
        return err_memory(e);
    }
    *c = (struct console){.generation = g, .ref = LUA_NOREF};
    g->native.on_text = on_text;
    g->native.on_text_ud = ud;
    struct making m = {.console = c, .kept = kept};
    if (state_run(&g->state, run_new, &m, STATE_RENDER_MS, e) != 0) {
        console_free(c);
        return -1;
    }
    size_t cap = g->state.used + ((size_t)CONSOLE_MEMORY_MIB << 20);
    if (cap < g->state.cap)
        g->state.cap = cap;
    *out = c;
    return 0;
}

void console_free(struct console *c)
{
    if (c == NULL)
        return;
    generation_unref(c->generation);
    free(c);
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

struct going {
    struct console *console;
    const char *function;
    struct bytes code; /* of one that begins */
    int width;
    bool json;
    struct console_said *said;
    enum console_end end;
};

static enum console_end read_end(lua_State *L, int index)
{
    static const char *const names[] = {"done", "failed", "more", "slice", "asked", NULL};
    return (enum console_end)luaL_checkoption(L, index, NULL, names);
}

static int run_line(lua_State *L)
{
    struct going *g = lua_touserdata(L, 1);
    int args = 1;
    boot_push(L, g->function);
    lua_rawgeti(L, LUA_REGISTRYINDEX, g->console->ref);
    if (g->code.data != NULL) {
        native_push_bytes(L, g->code);
        lua_pushinteger(L, g->width);
        lua_pushboolean(L, g->json);
        args = 4;
    }
    lua_call(L, args, 3);
    native_append(L, -2, &g->said->text);
    native_append(L, -1, &g->said->values);
    g->end = read_end(L, -3);
    return 0;
}

static enum console_end fail(struct going *g, const char *message)
{
    console_cancel(g->console);
    buf_clear(&g->said->text);
    buf_clear(&g->said->values);
    buf_append_str(&g->said->text, message);
    return CONSOLE_FAILED;
}

static enum console_end go(struct going *g)
{
    struct console *c = g->console;
    struct err e;
    buf_clear(&g->said->text);
    buf_clear(&g->said->values);
    int64_t began_ns = budget_cpu_ns();
    int rc = state_run(&c->generation->state, run_line, g, CONSOLE_CALL_MS, &e);
    c->used_ms += (budget_cpu_ns() - began_ns) / 1000000;
    if (rc != 0)
        return fail(g, e.message);
    if (g->end == CONSOLE_SLICE && c->used_ms >= CONSOLE_LINE_MS) {
        err_set(&e, ERR_SCRIPT, 0, "line:1: ran longer than %d s of CPU", CONSOLE_LINE_MS / 1000);
        return fail(g, e.message);
    }
    return g->end;
}

enum console_end console_eval(struct console *c, struct bytes code, int width, bool json, struct console_said *said)
{
    struct going g = {.console = c,
                      .function = "console_eval",
                      .code = code.data != NULL ? code : bytes_of(""),
                      .width = width,
                      .json = json,
                      .said = said};
    c->used_ms = 0;
    return go(&g);
}

enum console_end console_go(struct console *c, struct console_said *said)
{
    struct going g = {.console = c, .function = "console_go", .said = said};
    return go(&g);
}

struct answering {
    const struct console *console;
    bool ok;
    struct bytes text;
};

static int run_answer(lua_State *L)
{
    const struct answering *a = lua_touserdata(L, 1);
    boot_push(L, "console_answer");
    lua_rawgeti(L, LUA_REGISTRYINDEX, a->console->ref);
    lua_pushboolean(L, a->ok);
    native_push_bytes(L, a->text);
    lua_call(L, 3, 0);
    return 0;
}

int console_answer(struct console *c, bool ok, struct bytes text, struct err *e)
{
    struct answering a = {.console = c, .ok = ok, .text = text};
    return state_run(&c->generation->state, run_answer, &a, STATE_RENDER_MS, e);
}

static int run_cancel(lua_State *L)
{
    const struct console *c = lua_touserdata(L, 1);
    boot_push(L, "console_cancel");
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->ref);
    lua_call(L, 1, 0);
    return 0;
}

void console_cancel(struct console *c)
{
    (void)state_run(&c->generation->state, run_cancel, c, STATE_RENDER_MS, NULL);
}

/* --- what is looked at -------------------------------------------------------------------------------------------- */

struct completing {
    const struct console *console;
    struct bytes code;
    size_t cursor, from;
    struct buf *items;
};

/* Appends each string of the list at the top, with `after` behind it. */
static void take_list(lua_State *L, struct buf *out, const char *after, size_t after_len)
{
    luaL_checktype(L, -1, LUA_TTABLE);
    for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, -1); i <= n; i++) {
        lua_rawgeti(L, -1, i);
        native_append(L, -1, out);
        buf_append(out, after, after_len);
        lua_pop(L, 1);
    }
}

static int run_complete(lua_State *L)
{
    struct completing *c = lua_touserdata(L, 1);
    boot_push(L, "console_complete");
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->console->ref);
    native_push_bytes(L, c->code);
    lua_pushinteger(L, (lua_Integer)c->cursor);
    lua_call(L, 3, 2);
    c->from = (size_t)luaL_checkinteger(L, -2);
    take_list(L, c->items, "", 1);
    return 0;
}

int console_complete(struct console *c, struct bytes code, size_t cursor, size_t *from, struct buf *items,
                     struct err *e)
{
    struct completing x = {.console = c, .code = code, .cursor = cursor, .items = items};
    if (state_run(&c->generation->state, run_complete, &x, STATE_RENDER_MS, e) != 0)
        return -1;
    *from = x.from <= cursor ? x.from : cursor;
    return buf_failed(items) ? err_memory(e) : 0;
}

struct keeping {
    const struct console *console;
    struct buf *kept, *lost;
};

static int run_keep(lua_State *L)
{
    const struct keeping *k = lua_touserdata(L, 1);
    boot_push(L, "console_keep");
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->console->ref);
    lua_call(L, 1, 2);
    native_append(L, -2, k->kept);
    take_list(L, k->lost, ", ", 2);
    return 0;
}

int console_keep(struct console *c, struct buf *kept, struct buf *lost, struct err *e)
{
    struct keeping k = {.console = c, .kept = kept, .lost = lost};
    if (state_run(&c->generation->state, run_keep, &k, CONSOLE_KEEP_MS, e) != 0)
        return -1;
    if (kept->len > CONSOLE_KEEP_BYTES)
        return err_set(e, ERR_SCRIPT, 0, "they are too much to be carried over");
    if (lost->len >= 2)
        lost->len -= 2; /* the last ", " */
    return buf_failed(kept) || buf_failed(lost) ? err_memory(e) : 0;
}
