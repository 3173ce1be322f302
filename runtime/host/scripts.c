#include "host/scripts.h"

#include "core/units.h"
#include "host/builder.h"

#include <stdlib.h>
#include <string.h>

/* Earlier generations in memory, beside those that runs at work hold; at least one stays until its time is up. */
enum { PINNED_MAX = 8, PINNED_BYTES = 64 << 20, PINNED_MS = 60000, AGAIN_MS = 1000 };
static const char EVENT[] = "scripts.earlier"; /* in the log */

struct pinned {
    struct store_read_script read; /* first: a read's callback gets it */
    struct build build;
    struct scripts *scripts;
    struct pinned *next;
    int64_t seq;
    int64_t used_ns; /* asked for last */
    bool reading;    /* from the store, or being built */
    bool building;
    struct generation *generation;
    struct err failure; /* domain ERR_NONE: none */
};

static void on_again(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    struct scripts *s = (struct scripts *)((char *)t - offsetof(struct scripts, again));
    s->on_found(s->ud, NULL);
}

static void on_let_go(struct timer *t, int64_t now_ns);

void scripts_init(struct scripts *s, struct env *env, struct builder *builder, const struct generation_options *o)
{
    *s = (struct scripts){.env = env, .builder = builder, .options = *o};
    timer_init(&s->again, on_again);
    timer_init(&s->let_go, on_let_go);
}

static void pinned_free(struct pinned *p)
{
    if (p->building)
        build_fini(&p->build);
    store_read_fini(&p->read.base);
    generation_unref(p->generation);
    free(p);
}

static struct pinned *take(struct pinned **at)
{
    struct pinned *p = *at;
    *at = p->next;
    return p;
}

static void put_first(struct scripts *s, struct pinned *p)
{
    p->next = s->pinned;
    s->pinned = p;
    p->used_ns = s->env->mono_ns();
    timer_start(s->env->timers, &s->let_go, p->used_ns + PINNED_MS * NS_PER_MS);
}

void scripts_fini(struct scripts *s)
{
    while (s->pinned != NULL)
        pinned_free(take(&s->pinned));
    generation_unref(s->current);
    s->current = NULL;
    if (s->env == NULL)
        return;
    timer_stop(s->env->timers, &s->again);
    timer_stop(s->env->timers, &s->let_go);
}

/* Lets go of what was used longest ago, of those that are loaded. */
static void trim(struct scripts *s)
{
    size_t count = 0, bytes = 0;
    for (struct pinned **at = &s->pinned; *at != NULL;) {
        struct pinned *p = *at;
        bool loaded = p->generation != NULL;
        bytes += loaded ? generation_memory(p->generation) : 0;
        count += loaded;
        if (loaded && count > 1 && (count > PINNED_MAX || bytes > PINNED_BYTES))
            pinned_free(take(at));
        else
            at = &p->next;
    }
}

static void on_let_go(struct timer *t, int64_t now_ns)
{
    struct scripts *s = (struct scripts *)((char *)t - offsetof(struct scripts, let_go));
    for (struct pinned **at = &s->pinned; *at != NULL;)
        if ((*at)->reading || now_ns - (*at)->used_ns < PINNED_MS * NS_PER_MS)
            at = &(*at)->next;
        else
            pinned_free(take(at));
    if (s->pinned != NULL)
        timer_start(s->env->timers, t, now_ns + PINNED_MS * NS_PER_MS);
}

/* --- the current one ------------------------------------------------------------------------------------------- */

/* Runs go on under it: no need to load it again from the store. */
static void retire(struct scripts *s, const struct generation *next)
{
    bool same = s->current == NULL || bytes_equal(generation_hash(s->current), generation_hash(next));
    struct pinned *p = same || s->seq == 0 ? NULL : calloc(1, sizeof *p);
    if (p == NULL) {
        generation_unref(s->current);
        return;
    }
    *p = (struct pinned){.scripts = s, .seq = s->seq, .generation = s->current};
    put_first(s, p);
    trim(s);
}

static void put_in_force(struct scripts *s, struct generation *g)
{
    retire(s, g);
    s->current = g;
    s->number++;
    s->loaded_ms = s->env->wall_ms();
}

int scripts_load(struct scripts *s, struct buf *errors, struct err *e)
{
    struct generation *g;
    if (generation_load(&s->options, &g, errors, e) != 0)
        return -1;
    put_in_force(s, g);
    return 0;
}

void scripts_know(struct scripts *s, int64_t seq, struct bytes hash)
{
    s->newest = hash.len == sizeof s->newest_hash ? seq : 0;
    if (s->newest != 0)
        memcpy(s->newest_hash, hash.data, sizeof s->newest_hash);
}

struct keeping {
    struct store_script_write write;
    struct generation *generation; /* whose bytes are being written */
    struct log *log;
};

static void on_kept(struct store_write *w, const struct err *failure)
{
    struct keeping *k = (struct keeping *)w;
    if (failure != NULL)
        log_line(k->log, LOG_ERROR, "store.scripts", LOG_STR("error", failure->message));
    generation_unref(k->generation);
    free(k);
}

/* Whether the store is to get the text of `g`: when runs may need it, and the newest there is another. */
static bool must_keep(const struct scripts *s, const struct generation *g)
{
    struct bytes newest = {s->newest_hash, sizeof s->newest_hash};
    return generation_flow_count(g) > 0 && (s->newest == 0 || !bytes_equal(newest, generation_hash(g)));
}

/* `k`: NULL when the store has it. */
static void keep(struct scripts *s, struct keeping *k)
{
    if (k != NULL) {
        generation_ref(s->current);
        k->generation = s->current;
        k->log = s->env->log;
        k->write = (struct store_script_write){
            .base = {.kind = STORE_SCRIPT, .done = on_kept},
            .seq = env_new_seq(s->env),
            .hash = generation_hash(s->current),
            .archive = generation_archive(s->current),
        };
        scripts_know(s, k->write.seq, k->write.hash);
        store_submit(s->env->store, &k->write.base);
    }
    s->seq = generation_flow_count(s->current) > 0 ? s->newest : 0;
}

int scripts_keep(struct scripts *s, struct err *e)
{
    struct keeping *k = NULL;
    if (must_keep(s, s->current) && (k = calloc(1, sizeof *k)) == NULL)
        return err_memory(e);
    keep(s, k);
    return 0;
}

int scripts_use(struct scripts *s, struct generation *g, struct err *e)
{
    struct keeping *k = NULL;
    if (must_keep(s, g) && (k = calloc(1, sizeof *k)) == NULL)
        return err_memory(e);
    put_in_force(s, g);
    keep(s, k);
    return 0;
}

/* --- earlier ones ------------------------------------------------------------------------------------------------ */

/* One that is started already is not put off: this may be asked more often than it fires. */
static void ask_again(struct scripts *s)
{
    if (!timer_started(&s->again))
        timer_start(s->env->timers, &s->again, s->env->mono_ns() + AGAIN_MS * NS_PER_MS);
}

/* What says nothing of the scripts, a lack of memory above all, must not stay with them. */
static void put_off(struct pinned *p, const char *event, const struct err *failure)
{
    struct scripts *s = p->scripts;
    struct pinned **at = &s->pinned;
    log_line(s->env->log, LOG_ERROR, event, LOG_STR("error", failure->message));
    while (*at != p)
        at = &(*at)->next;
    pinned_free(take(at));
    ask_again(s);
}

/* `p` has all it ever will. */
static void found(struct pinned *p)
{
    struct scripts *s = p->scripts;
    p->reading = false;
    store_read_fini(&p->read.base);
    s->on_found(s->ud, p->generation);
}

static void on_built(struct build *b)
{
    struct pinned *p = (struct pinned *)((char *)b - offsetof(struct pinned, build));
    struct scripts *s = p->scripts;
    p->generation = builder_take(b);
    if (p->generation == NULL && b->failure.domain != ERR_SCRIPT) {
        put_off(p, EVENT, &b->failure);
        return;
    }
    if (p->generation == NULL) {
        p->failure = b->failure;
        log_line(s->env->log, LOG_ERROR, EVENT, LOG_STR("error", p->failure.message));
    }
    build_fini(b);
    p->building = false;
    found(p);
    trim(s);
}

static void load_archive(struct pinned *p)
{
    struct scripts *s = p->scripts;
    struct err e;
    p->build = (struct build){.options = s->options, .done = on_built};
    p->build.options.archive = p->read.archive;
    p->build.options.seen = NULL;
    p->building = builder_start(s->builder, &p->build, &e) == 0;
    if (!p->building)
        put_off(p, EVENT, &e);
}

static void on_read(struct store_read *r, const struct err *failure)
{
    struct pinned *p = (struct pinned *)r;
    struct scripts *s = p->scripts;
    if (failure != NULL)
        put_off(p, "store.read", failure);
    else if (p->read.found == 0) {
        err_set(&p->failure, ERR_STORE, 0, "their text is not in the database any more");
        found(p);
    } else if (s->current != NULL && bytes_equal(p->read.hash, generation_hash(s->current))) {
        generation_ref(s->current);
        p->generation = s->current;
        found(p);
    } else
        load_archive(p);
}

static struct pinned *fetch(struct scripts *s, int64_t seq)
{
    struct pinned *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->scripts = s;
    p->seq = seq;
    p->reading = true;
    p->read = (struct store_read_script){.base = {.kind = STORE_READ_SCRIPT, .done = on_read}, .seq = seq};
    store_query(s->env->store, &p->read.base);
    return p;
}

struct generation *scripts_find(struct scripts *s, int64_t seq, const char **failure)
{
    *failure = NULL;
    if (seq == s->seq && seq != 0)
        return s->current;
    struct pinned **at = &s->pinned;
    while (*at != NULL && (*at)->seq != seq)
        at = &(*at)->next;
    struct pinned *p = *at != NULL ? take(at) : fetch(s, seq);
    if (p == NULL) {
        ask_again(s);
        return NULL;
    }
    put_first(s, p);
    if (!p->reading && p->generation == NULL)
        *failure = p->failure.message;
    return p->generation;
}

void scripts_forget_failures(struct scripts *s)
{
    for (struct pinned **at = &s->pinned; *at != NULL;)
        if ((*at)->reading || (*at)->generation != NULL)
            at = &(*at)->next;
        else
            pinned_free(take(at));
}
