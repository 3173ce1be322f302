#include "script/generation.h"

#include "core/pulse.h"
#include "script/archive.h"
#include "script/boot.h"
#include "script/generation_internal.h"
#include "script/judge.h"
#include "script/load.h"
#include "script/seen.h"

#include <stdlib.h>
#include <string.h>

/* --- loading -------------------------------------------------------------------------------------------------- */

struct loading {
    struct generation *g;
    struct load *scripts;
    struct buf *errors;
    size_t mistakes;
};

static void push_files(lua_State *L, const struct load *scripts)
{
    lua_createtable(L, (int)scripts->file_count, 0);
    for (size_t i = 0; i < scripts->file_count; i++) {
        lua_createtable(L, 0, 2);
        lua_pushstring(L, scripts->files[i].path);
        lua_setfield(L, -2, "path");
        native_push_bytes(L, buf_view(&scripts->files[i].text));
        lua_setfield(L, -2, "text");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_dirs(lua_State *L, const struct load *scripts)
{
    lua_createtable(L, (int)scripts->dir_count, 0);
    for (size_t i = 0; i < scripts->dir_count; i++) {
        lua_pushstring(L, scripts->dirs[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* The lines of the list at `index`; each stays one line. */
static size_t append_lines(lua_State *L, int index, struct buf *out)
{
    size_t n = lua_istable(L, index) ? lua_rawlen(L, index) : 0;
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, index, (lua_Integer)i);
        buf_append_str(out, luaL_gsub(L, luaL_tolstring(L, -1, NULL), "\n", " "));
        buf_append_char(out, '\n');
        lua_pop(L, 3);
    }
    return n;
}

static int run_load(lua_State *L)
{
    struct loading *l = lua_touserdata(L, 1);
    boot_push(L, "load");
    push_files(L, l->scripts);
    push_dirs(L, l->scripts);
    lua_call(L, 2, 2);
    l->mistakes = append_lines(L, 2, l->errors);
    append_lines(L, 3, l->errors);
    return 0;
}

static double number_field(lua_State *L, const char *name)
{
    lua_getfield(L, -1, name);
    double n = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return n;
}

static void read_integration(lua_State *L, struct integration *in)
{
    in->rate = number_field(L, "rate");
    in->per_ms = (int64_t)number_field(L, "per_ms");
    in->concurrency = (int)number_field(L, "concurrency");
    lua_getfield(L, -1, "name");
    const char *name = luaL_checklstring(L, -1, &in->name_len);
    in->name = strdup(name);
    if (in->name == NULL)
        state_starve(L);
    lua_pop(L, 1);
}

static void read_digests(lua_State *L, struct generation *g)
{
    boot_push(L, "digests");
    lua_call(L, 0, 1);
    native_append(L, -1, &g->digests);
}

static int run_read(lua_State *L)
{
    const struct loading *l = lua_touserdata(L, 1);
    struct generation *g = l->g;
    boot_push(L, "webhook_count");
    lua_call(L, 0, 1);
    g->webhook_count = (size_t)luaL_checkinteger(L, -1);
    boot_push(L, "flow_count");
    lua_call(L, 0, 1);
    g->flow_count = (size_t)luaL_checkinteger(L, -1);
    if (!l->scripts->archived)
        read_digests(L, g);
    boot_push(L, "integrations");
    lua_call(L, 0, 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    size_t n = lua_rawlen(L, -1);
    g->integrations = calloc(n + 1, sizeof *g->integrations);
    if (g->integrations == NULL)
        return state_starve(L);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        luaL_checktype(L, -1, LUA_TTABLE);
        g->integration_count = i + 1;
        read_integration(L, &g->integrations[i]);
        lua_pop(L, 1);
    }
    lua_gc(L, LUA_GCCOLLECT); /* what loading left behind is not needed again */
    return 0;
}

/* The summary: the one mistake, or how many there are. */
static int summarize(const struct loading *l, size_t start, struct err *e)
{
    if (l->mistakes > 1)
        return err_set(e, ERR_SCRIPT, 0, "%zu mistakes in the scripts", l->mistakes);
    const char *line = l->errors->data + start;
    return err_set(e, ERR_SCRIPT, 0, "%.*s", (int)strcspn(line, "\n"), line);
}

static int load_scripts(struct generation *g, struct load *scripts, struct buf *errors, struct err *e)
{
    struct loading l = {.g = g, .scripts = scripts, .errors = errors};
    size_t start = errors->len;
    g->native.loading = scripts;
    state_collect_rarely(&g->state, true);
    int rc = state_run(&g->state, run_load, &l, STATE_LOAD_MS, e);
    g->native.loading = NULL;
    if (rc == 0 && l.mistakes == 0)
        rc = state_run(&g->state, run_read, &l, STATE_LOAD_MS, e);
    state_collect_rarely(&g->state, false);
    if (rc == 0 && l.mistakes > 0)
        return buf_cstr(errors) == NULL ? err_memory(e) : summarize(&l, start, e);
    if (rc == 0 && buf_failed(errors))
        return err_memory(e);
    if (rc != 0)
        buf_printf(errors, "%s\n", e->message);
    return rc;
}

void generation_free(struct generation *g)
{
    state_fini(&g->state);
    native_fini(&g->native);
    for (size_t i = 0; i < g->integration_count; i++)
        free(g->integrations[i].name);
    free(g->integrations);
    buf_fini(&g->digests);
    buf_fini(&g->archive);
    free(g);
}

static int keep_texts(struct generation *g, const struct load *scripts, struct err *e)
{
    buf_init(&g->archive);
    if (archive_write(scripts, &g->archive, e) != 0)
        return -1;
    return archive_hash(buf_view(&g->archive), g->hash, e);
}

static int build(struct generation *g, struct load *scripts, struct buf *errors, struct err *e)
{
    if (state_init(&g->state, e) == 0 && boot_open(&g->state, &g->native, e) == 0)
        return load_scripts(g, scripts, errors, e) != 0 ? -1 : keep_texts(g, scripts, e);
    buf_printf(errors, "%s\n", e->message);
    return -1;
}

static int read_scripts(const struct generation_options *o, struct load *scripts, struct buf *errors, struct err *e)
{
    if (o->archive.data != NULL)
        return archive_read(scripts, o->archive, e);
    return load_paths(scripts, o->paths, o->path_count, errors, e);
}

int generation_load(const struct generation_options *o, struct generation **out, struct buf *errors, struct err *e)
{
    struct err ignored = {.code = 0};
    e = e != NULL ? e : &ignored;
    err_clear(e);
    struct generation *g = calloc(1, sizeof *g);
    if (g == NULL)
        return err_memory(e);
    struct load scripts;
    load_init(&scripts);
    g->refs = 1;
    g->discard = o->discard;
    g->ud = o->ud;
    native_init(&g->native, o);
    size_t start = errors->len;
    int rc = read_scripts(o, &scripts, errors, e);
    size_t read = errors->len;
    if (rc == 0)
        rc = build(g, &scripts, errors, e);
    if (rc == 0 && o->console)
        rc = boot_call(&g->state, "console_read", NULL, 0, STATE_LOAD_MS, NULL, e);
    struct bytes unread = {errors->data != NULL ? errors->data + start : NULL, read - start};
    if (o->seen != NULL && seen_note(o->seen, &scripts, unread, e) != 0)
        rc = -1;
    load_fini(&scripts);
    if (rc != 0 && e->domain == ERR_MEMORY) {
        errors->len = start; /* no mistake of the scripts */
        errors->failed = false;
    }
    if (rc != 0) {
        generation_free(g);
        return -1;
    }
    *out = g;
    return 0;
}

void generation_adopt(struct generation *g, const struct generation_options *o)
{
    native_use(&g->native, o);
    g->discard = o->discard;
    g->ud = o->ud;
}

void generation_ref(struct generation *g)
{
    if (g != NULL)
        g->refs++;
}

void generation_unref(struct generation *g)
{
    if (g == NULL || --g->refs > 0)
        return;
    if (g->discard != NULL)
        g->discard(g->ud, g);
    else
        generation_free(g);
}

/* --- what it holds --------------------------------------------------------------------------------------------- */

struct bytes generation_digests(const struct generation *g)
{
    return buf_view(&g->digests);
}

size_t generation_integration_count(const struct generation *g)
{
    return g->integration_count;
}

struct integration_info generation_integration(const struct generation *g, size_t i)
{
    const struct integration *in = &g->integrations[i];
    return (struct integration_info){
        .name = {in->name, in->name_len},
        .rate = in->rate,
        .per_ms = in->per_ms,
        .concurrency = in->concurrency,
    };
}

size_t generation_webhook_count(const struct generation *g)
{
    return g->webhook_count;
}

size_t generation_flow_count(const struct generation *g)
{
    return g->flow_count;
}

struct bytes generation_archive(const struct generation *g)
{
    return buf_view(&g->archive);
}

struct bytes generation_hash(const struct generation *g)
{
    return (struct bytes){(const char *)g->hash, sizeof g->hash};
}

size_t generation_memory(const struct generation *g)
{
    return g->state.used;
}

/* --- calls ----------------------------------------------------------------------------------------------------- */

#define TEXT(v)    ((struct boot_arg){.text = (v)})
#define NUMBER(v)  ((struct boot_arg){.number = (v), .is_number = true})
#define BOOLEAN(v) ((struct boot_arg){.number = (v), .is_boolean = true})

/* A script that fails where one request was asked for is that request's failure. */
static int as_input(int rc, struct err *e)
{
    if (rc != 0 && e->domain == ERR_SCRIPT) {
        e->domain = ERR_INPUT;
        e->code = 422;
    }
    return rc;
}

static int call(struct generation *g, const char *name, const struct boot_arg *args, int count, struct buf *out,
                struct err *e)
{
    struct err ignored = {.code = 0};
    e = e != NULL ? e : &ignored;
    return as_input(boot_call(&g->state, name, args, count, STATE_RENDER_MS, out, e), e);
}

int generation_event(struct generation *g, struct bytes envelope, const struct render_sink *sink, struct err *e)
{
    g->native.sink = sink;
    g->native.envelope = envelope;
    int rc = boot_event(&g->state, e);
    g->native.envelope = (struct bytes){0};
    g->native.sink = NULL;
    return rc;
}

int generation_call(struct generation *g, const char *webhook, struct bytes data, const struct render_sink *sink,
                    struct err *e)
{
    const struct boot_arg args[] = {TEXT(bytes_of(webhook)), TEXT(data)};
    g->native.sink = sink;
    int rc = call(g, "call", args, 2, NULL, e);
    g->native.sink = NULL;
    return rc;
}

int generation_start(struct generation *g, struct bytes flow, struct bytes envelope, const struct render_sink *sink,
                     struct err *e)
{
    const struct boot_arg args[] = {TEXT(flow), TEXT(envelope)};
    g->native.sink = sink;
    int rc = call(g, "start", args, 2, NULL, e);
    g->native.sink = NULL;
    return rc;
}

int generation_preview(struct generation *g, const char *webhook, struct bytes data, struct buf *json, struct err *e)
{
    const struct boot_arg args[] = {TEXT(bytes_of(webhook)), TEXT(data)};
    pulse_about(bytes_of(webhook));
    return call(g, "preview", args, 2, json, e);
}

int generation_template(struct generation *g, struct bytes text, const char *as, struct bytes data, struct buf *out,
                        struct err *e)
{
    const struct boot_arg args[] = {TEXT(text), TEXT(bytes_of(as)), TEXT(data)};
    return call(g, "template", args, 3, out, e);
}

int generation_api(struct generation *g, const char *as, struct buf *out, struct err *e)
{
    return boot_call(&g->state, as, NULL, 0, STATE_LOAD_MS, out, e);
}

int generation_list(struct generation *g, const char *what, struct buf *json, struct err *e)
{
    const struct boot_arg args[] = {TEXT(bytes_of(what))};
    return boot_call(&g->state, "list", args, 1, STATE_LOAD_MS, json, e);
}

int generation_vars(struct generation *g, struct bytes webhook, int status, struct bytes headers, struct bytes body,
                    bool truncated, struct buf *out, struct err *e)
{
    pulse_about(webhook);
    const struct boot_arg args[] = {TEXT(webhook), NUMBER(status), TEXT(headers), TEXT(body), BOOLEAN(truncated)};
    return boot_call(&g->state, "vars", args, 5, STATE_RENDER_MS, out, e);
}

int generation_judge(struct generation *g, struct bytes webhook, const struct attempt *a, struct retry_judgement *out,
                     struct buf *message, struct err *e)
{
    return judge_run(&g->state, webhook, a, out, message, e);
}
