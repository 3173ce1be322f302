/* session_clone: the generation of its own that a session works in: made on the builder's thread, left for another when
 * there are new scripts. */
#include "host/scripts.h"
#include "host/session.h"

static void note_lost(struct session *s, struct bytes lost)
{
    struct buf text;
    if (lost.len == 0)
        return;
    buf_init(&text);
    buf_printf(&text, "gone with the scripts of before, as JSON cannot hold them: %.*s", (int)lost.len, lost.data);
    control_note(s->client, buf_view(&text));
    buf_fini(&text);
}

static void note_gone(struct session *s, const char *why)
{
    struct err gone;
    err_set(&gone, ERR_SCRIPT, 0, "the variables are gone with the scripts of before: %.100s", why);
    control_note(s->client, bytes_of(gone.message));
}

void session_leave_console(struct session *s)
{
    struct err e;
    struct buf lost;
    if (s->console == NULL)
        return;
    buf_init(&lost);
    buf_clear(&s->kept);
    if (console_keep(s->console, &s->kept, &lost, &e) != 0) {
        buf_clear(&s->kept);
        note_gone(s, e.domain == ERR_MEMORY ? e.message : "they are too much to be carried over");
    } else
        note_lost(s, buf_view(&lost));
    buf_fini(&lost);
    console_free(s->console);
    s->console = NULL;
}

void session_drop_build(struct session *s)
{
    build_fini(&s->build);
    generation_unref(s->cloned);
    s->building = false;
}

static void on_built(struct build *b);

void session_build(struct session *s)
{
    struct scripts *scripts = s->all->api->intake->scripts;
    s->cloned = scripts->current;
    generation_ref(s->cloned);
    s->number = scripts->number;
    s->build = (struct build){.options = scripts->options, .done = on_built};
    s->build.options.seen = NULL;
    s->build.options.console = true;
    s->build.options.log = NULL; /* what they say while they load they have said already */
    s->build.options.archive = generation_archive(s->cloned);
    s->failed = builder_start(s->all->builder, &s->build, &s->build.failure) != 0;
    s->building = !s->failed;
    if (s->failed)
        generation_unref(s->cloned);
}

static void make_console(struct session *s, struct generation *g, struct err *e)
{
    struct generation_options o = s->all->api->intake->scripts->options;
    o.forms = NULL;
    generation_adopt(g, &o);
    s->failed = console_new(g, buf_view(&s->kept), session_text, s, &s->console, e) != 0;
    buf_clear(&s->kept);
}

static void on_built(struct build *b)
{
    struct session *s = (struct session *)((char *)b - offsetof(struct session, build));
    struct generation *g = builder_take(b);
    struct err e = b->failure;
    session_drop_build(s);
    if (s->client == NULL) {
        generation_unref(g);
        session_free(s);
        return;
    }
    if (g == NULL)
        s->failed = true;
    else
        make_console(s, g, &e);
    if (s->failed) {
        control_note(s->client, bytes_of(e.message));
        session_end_queue(s, CONTROL_ERROR, e.message); /* the next one tries again */
    }
    session_go_soon(s);
}
