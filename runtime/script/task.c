#include "script/task.h"

#include "script/boot.h"
#include "script/generation_internal.h"

#include <stdlib.h>
#include <string.h>

struct task {
    struct generation *generation;
    int ref; /* of the run's table in the registry */
};

/* --- beginning ---------------------------------------------------------------------------------------------------- */

struct making {
    struct task *task;
    const struct task_start *start;
    struct err *e;
    int rc;
};

static int run_new(lua_State *L)
{
    struct making *m = lua_touserdata(L, 1);
    boot_push(L, "run_new");
    native_push_uuid(L, &m->start->id);
    native_push_bytes(L, m->start->flow);
    native_push_bytes(L, m->start->envelope);
    native_push_uuid(L, &m->start->event_id);
    lua_pushinteger(L, m->start->started_ms);
    lua_call(L, 5, 2);
    if (lua_istable(L, -2)) {
        lua_pop(L, 1);
        m->task->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    } else
        m->rc = state_error(L, -1, ERR_SCRIPT, 0, m->e);
    return 0;
}

int task_new(struct generation *g, const struct task_start *s, struct task **out, struct err *e)
{
    struct task *t = malloc(sizeof *t);
    if (t == NULL)
        return err_memory(e);
    *t = (struct task){.generation = g, .ref = LUA_NOREF};
    generation_ref(g);
    struct making m = {.task = t, .start = s, .e = e};
    if (state_run(&g->state, run_new, &m, STATE_RENDER_MS, e) != 0 || m.rc != 0) {
        task_free(t);
        return -1;
    }
    *out = t;
    return 0;
}

static int run_drop(lua_State *L)
{
    const struct task *t = lua_touserdata(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, t->ref);
    return 0;
}

void task_free(struct task *t)
{
    if (t == NULL)
        return;
    (void)state_run(&t->generation->state, run_drop, t, 0, NULL);
    generation_unref(t->generation);
    free(t);
}

bool task_is_full(const struct err *e)
{
    return e->domain == ERR_SCRIPT && e->code == STATE_NO_MEMORY;
}

struct generation *task_generation(const struct task *t)
{
    return t->generation;
}

/* --- the journal -------------------------------------------------------------------------------------------------- */

static void set_bytes(lua_State *L, const char *name, struct bytes v)
{
    native_push_bytes(L, v);
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, int64_t n)
{
    lua_pushinteger(L, n);
    lua_setfield(L, -2, name);
}

static void push_answer(lua_State *L, const struct attempt *a)
{
    set_number(L, "status", a->status);
    set_number(L, "duration_us", a->duration_us);
    set_bytes(L, "headers", buf_view(&a->headers));
    set_bytes(L, "body", buf_view(&a->body));
    lua_pushboolean(L, a->truncated);
    lua_setfield(L, -2, "truncated");
}

static void push_entry(lua_State *L, const struct task_entry *s)
{
    lua_createtable(L, 0, 12);
    set_number(L, "number", s->number);
    set_bytes(L, "kind", bytes_of(step_kind_name(s->kind)));
    set_bytes(L, "path", s->path);
    set_bytes(L, "name", s->name);
    if (s->ended_ms != 0) {
        set_number(L, "ended_ms", s->ended_ms);
        set_bytes(L, "result", s->result);
    }
    if (s->delivery != NULL) {
        native_push_uuid(L, s->delivery);
        lua_setfield(L, -2, "delivery");
    }
    if (s->answer != NULL)
        push_answer(L, s->answer);
}

struct putting {
    const struct task *task;
    const struct task_entry *entry;
};

static int run_put(lua_State *L)
{
    const struct putting *p = lua_touserdata(L, 1);
    boot_push(L, "run_put");
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->task->ref);
    push_entry(L, p->entry);
    lua_call(L, 2, 0);
    return 0;
}

int task_put(struct task *t, const struct task_entry *s, struct err *e)
{
    struct putting p = {.task = t, .entry = s};
    return state_run(&t->generation->state, run_put, &p, 0, e);
}

/* --- going on ----------------------------------------------------------------------------------------------------- */

struct going {
    const struct task *task;
    struct buf *text;
    enum task_end end;
};

static enum task_end read_end(lua_State *L, int index)
{
    static const char *const names[] = {"waiting", "more", "memory", "starved", "succeeded", "failed", "parked", NULL};
    return (enum task_end)luaL_checkoption(L, index, NULL, names); /* as enum task_end */
}

static int run_go(lua_State *L)
{
    struct going *g = lua_touserdata(L, 1);
    boot_push(L, "run_go");
    lua_rawgeti(L, LUA_REGISTRYINDEX, g->task->ref);
    lua_call(L, 1, 2);
    native_append(L, -1, g->text);
    g->end = read_end(L, -2);
    return 0;
}

enum task_end task_go(struct task *t, const struct render_sink *sink, struct buf *text)
{
    struct going g = {.task = t, .text = text};
    struct native *n = &t->generation->native;
    struct err e;
    n->sink = sink;
    int rc = state_run(&t->generation->state, run_go, &g, 0, &e);
    n->sink = NULL;
    if (rc == 0)
        return g.end;
    buf_clear(text);
    buf_append_str(text, e.message);
    return e.domain == ERR_MEMORY ? TASK_STARVED : task_is_full(&e) ? TASK_MEMORY : TASK_FAILED;
}
