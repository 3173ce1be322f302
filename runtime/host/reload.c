#include "host/reload.h"

#include "core/secrets.h"
#include "core/units.h"
#include "host/rates.h"
#include "host/removed.h"
#include "host/scripts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct reload_request {
    struct reload_request *next;
    reload_done *done;
    reload_dropped *dropped;
    void *ud;
    char by[80];
};

void reload_init(struct reload *r, struct env *env, struct intake *intake)
{
    *r = (struct reload){.env = env, .intake = intake};
    seen_init(&r->seen);
    buf_init(&r->mistakes);
    r->asked_end = &r->asked;
}

static void drop_requests(struct reload_request *q)
{
    while (q != NULL) {
        struct reload_request *next = q->next;
        if (q->dropped != NULL)
            q->dropped(q->ud);
        free(q);
        q = next;
    }
}

void reload_fini(struct reload *r)
{
    if (r->building)
        build_fini(&r->build);
    drop_requests(r->asked);
    drop_requests(r->serving);
    removed_fini(r);
    seen_fini(&r->seen);
    buf_fini(&r->mistakes);
}

/* --- what comes of a build ---------------------------------------------------------------------------------------- */

/* Each line of mistakes or warnings is a line of the log. */
static size_t log_lines(struct reload *r, enum log_level level, const char *event)
{
    struct bytes left = buf_view(&r->build.lines), line;
    size_t n = 0;
    for (; bytes_next_line(&left, &line); n++)
        log_line(r->env->log, level, event, LOG_BYTES("message", line));
    return n;
}

static void tell(struct reload *r, const struct reload_result *result)
{
    while (r->serving != NULL) {
        struct reload_request *q = r->serving;
        r->serving = q->next;
        if (q->done != NULL)
            q->done(q->ud, result);
        free(q);
    }
    if (r->on_end != NULL)
        r->on_end(r->ud, result);
}

static const char *asker(const struct reload *r)
{
    return r->serving != NULL ? r->serving->by : "watch";
}

/* `read`: it got as far as reading the files. */
static void fail(struct reload *r, const struct err *why, bool read)
{
    struct err e = *why;
    size_t count = log_lines(r, LOG_ERROR, "scripts.mistake");
    log_line(r->env->log, LOG_ERROR, "reload.failed", LOG_INT("mistakes", (int64_t)count), LOG_STR("by", asker(r)),
             LOG_STR("message", count > 0 ? "the scripts of before stay in force" : e.message));
    r->failed++;
    r->failed_ms = r->env->wall_ms();
    buf_clear(&r->mistakes);
    if (count > 0)
        buf_append_bytes(&r->mistakes, buf_view(&r->build.lines));
    else
        buf_printf(&r->mistakes, "%s\n", e.message);
    if (e.domain == ERR_SCRIPT || e.domain == ERR_SYSTEM) {
        e.domain = ERR_INPUT;
        e.code = 422;
    }
    struct reload_result result = {.failure = &e, .read = read, .lines = buf_view(&r->mistakes)};
    tell(r, &result);
}

static void log_swapped(const struct reload *r, const struct changes *changes, int64_t took_us)
{
    const struct scripts *s = r->intake->scripts;
    struct buf text;
    buf_init(&text);
    changes_describe(changes, &text);
    log_line(r->env->log, LOG_INFO, "reloaded", LOG_INT("generation", (int64_t)s->number),
             LOG_BYTES("changes", buf_view(&text)), LOG_STR("by", asker(r)),
             LOG_INT("integrations", (int64_t)generation_integration_count(s->current)),
             LOG_INT("webhooks", (int64_t)generation_webhook_count(s->current)),
             LOG_INT("flows", (int64_t)generation_flow_count(s->current)), LOG_DURATION_US("took", took_us));
    buf_fini(&text);
}

/* All that may fail comes first; from scripts_use() on nothing does. */
static int swap(struct reload *r, struct generation *g, struct changes *changes, struct err *e)
{
    struct intake *in = r->intake;
    if (changes_between(changes, in->scripts->current, g) != 0)
        return err_memory(e);
    if (rates_prepare(in->dispatch, g, e) != 0 || scripts_use(in->scripts, g, e) != 0)
        return -1;
    rates_set(in->dispatch, g, false);
    dispatch_go_on(in->dispatch); /* at a new rate */
    runs_let_go(in->runs);
    return 0;
}

static void succeed(struct reload *r, const struct changes *changes)
{
    int64_t took_us = (r->env->mono_ns() - r->began_ns) / 1000;
    (void)log_lines(r, LOG_WARN, "scripts.warning");
    log_swapped(r, changes, took_us);
    removed_tell(r, changes);
    r->loaded++;
    r->failed_ms = 0;
    buf_clear(&r->mistakes);
    struct reload_result result = {
        .read = true, .lines = buf_view(&r->build.lines), .changes = changes, .took_us = took_us};
    tell(r, &result);
}

static void take(struct reload *r)
{
    struct err e;
    struct changes changes;
    struct generation *g = builder_take(&r->build);
    if (g == NULL) {
        fail(r, &r->build.failure, r->build.failure.domain != ERR_MEMORY);
        return;
    }
    changes_init(&changes);
    if (swap(r, g, &changes, &e) == 0)
        succeed(r, &changes);
    else {
        generation_unref(g);
        fail(r, &e, false);
    }
    changes_fini(&changes);
}

/* --- building ----------------------------------------------------------------------------------------------------- */

static void next_build(struct reload *r);

/* As if it had not been read: the next look reads it anew. */
static void drop(struct reload *r)
{
    struct generation *g = builder_take(&r->build);
    if (g != NULL)
        generation_unref(g);
    r->seen.known = false;
}

static void on_built(struct build *b)
{
    struct reload *r = (struct reload *)((char *)b - offsetof(struct reload, build));
    if (b->unchanged)
        log_take(r->env->log, &b->log);
    else if (b->if_changed && r->unsettled != NULL && r->unsettled(r->ud))
        drop(r);
    else
        take(r);
    build_fini(b);
    r->building = false;
    next_build(r);
}

/* What was added to them since: the value of a variable that is set already stays. What is no file, as a pipe, was read
 * when the runtime started. */
static int read_env_files(const struct reload *r, struct err *e)
{
    struct stat st;
    for (size_t i = 0; i < r->env_file_count; i++) {
        bool other = stat(r->env_files[i], &st) == 0 && !S_ISREG(st.st_mode);
        if (!other && secrets_read_env_file(r->env_files[i], e) != 0)
            return -1;
    }
    return 0;
}

static int start(struct reload *r, bool if_changed, struct err *e)
{
    r->build = (struct build){
        .options = r->intake->scripts->options, .urgent = true, .if_changed = if_changed, .done = on_built};
    r->build.options.seen = &r->seen;
    r->began_ns = r->env->mono_ns();
    if (read_env_files(r, e) != 0 || builder_start(r->builder, &r->build, e) != 0)
        return -1;
    r->building = true;
    return 0;
}

static void next_build(struct reload *r)
{
    struct err e;
    if (r->starting)
        return; /* from one that could not be started, and was told */
    r->starting = true;
    while (!r->building && (r->asked != NULL || r->look)) {
        bool if_changed = r->asked == NULL;
        r->serving = r->asked;
        r->asked = NULL;
        r->asked_end = &r->asked;
        r->look = false;
        if (start(r, if_changed, &e) != 0)
            fail(r, &e, false);
    }
    r->starting = false;
}

int reload_ask(struct reload *r, const char *by, reload_done *done, reload_dropped *dropped, void *ud, struct err *e)
{
    struct reload_request *q = calloc(1, sizeof *q);
    if (q == NULL)
        return err_memory(e);
    q->done = done;
    q->dropped = dropped;
    q->ud = ud;
    strncpy(q->by, by, sizeof q->by - 1);
    *r->asked_end = q;
    r->asked_end = &q->next;
    next_build(r);
    return 0;
}

void reload_look(struct reload *r)
{
    r->look = true;
    next_build(r);
}
