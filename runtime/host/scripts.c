#include "host/scripts.h"

#include "core/units.h"

#include <stdlib.h>
#include <string.h>

enum { PINNED_MAX = 8, AGAIN_MS = 1000 }; /* earlier generations in memory, beside those that runs at work hold */

struct pinned {
    struct store_read_script read; /* first: a read's callback gets it */
    struct scripts *scripts;
    struct pinned *next;
    int64_t seq;
    bool reading;
    struct generation *generation;
    struct err failure; /* domain ERR_NONE: none */
};

static void on_again(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    struct scripts *s = (struct scripts *)((char *)t - offsetof(struct scripts, again));
    s->on_found(s->ud, NULL);
}

void scripts_init(struct scripts *s, struct env *env, const struct generation_options *o)
{
    *s = (struct scripts){.env = env, .options = *o};
    timer_init(&s->again, on_again);
}

static void pinned_free(struct pinned *p)
{
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
}

void scripts_fini(struct scripts *s)
{
    while (s->pinned != NULL)
        pinned_free(take(&s->pinned));
    generation_unref(s->current);
    s->current = NULL;
}

/* Lets go of what was used longest ago. */
static void trim(struct scripts *s)
{
    size_t count = 0;
    struct pinned **oldest = NULL;
    for (struct pinned **at = &s->pinned; *at != NULL; at = &(*at)->next) {
        count++;
        if (!(*at)->reading)
            oldest = at;
    }
    if (count > PINNED_MAX && oldest != NULL)
        pinned_free(take(oldest));
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
    trim(s);
    *p = (struct pinned){.scripts = s, .seq = s->seq, .generation = s->current};
    put_first(s, p);
}

int scripts_load(struct scripts *s, struct buf *errors, struct err *e)
{
    struct generation *g;
    if (generation_load(&s->options, &g, errors, e) != 0)
        return -1;
    retire(s, g);
    s->current = g;
    s->loaded_ms = s->env->wall_ms();
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

static int keep(struct scripts *s, struct err *e)
{
    struct keeping *k = calloc(1, sizeof *k);
    if (k == NULL)
        return err_memory(e);
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
    return 0;
}

int scripts_keep(struct scripts *s, struct err *e)
{
    s->seq = 0;
    if (generation_flow_count(s->current) == 0)
        return 0;
    struct bytes newest = {s->newest_hash, sizeof s->newest_hash};
    if ((s->newest == 0 || !bytes_equal(newest, generation_hash(s->current))) && keep(s, e) != 0)
        return -1;
    s->seq = s->newest;
    return 0;
}

/* --- earlier ones ------------------------------------------------------------------------------------------------ */

static void load_archive(struct pinned *p, struct bytes archive)
{
    struct generation_options o = p->scripts->options;
    struct buf errors;
    o.archive = archive;
    buf_init(&errors);
    if (generation_load(&o, &p->generation, &errors, &p->failure) != 0)
        log_line(p->scripts->env->log, LOG_ERROR, "scripts.earlier", LOG_STR("error", p->failure.message));
    buf_fini(&errors);
}

static void forget(struct scripts *s, struct pinned *p)
{
    struct pinned **at = &s->pinned;
    while (*at != p)
        at = &(*at)->next;
    pinned_free(take(at));
}

/* That says nothing of the scripts. */
static void read_failed(struct pinned *p, const struct err *failure)
{
    struct scripts *s = p->scripts;
    log_line(s->env->log, LOG_ERROR, "store.read", LOG_STR("error", failure->message));
    forget(s, p);
    (void)timer_start(s->env->timers, &s->again, s->env->mono_ns() + AGAIN_MS * NS_PER_MS);
}

static void on_read(struct store_read *r, const struct err *failure)
{
    struct pinned *p = (struct pinned *)r;
    struct scripts *s = p->scripts;
    p->reading = false;
    if (failure != NULL) {
        read_failed(p, failure);
        return;
    }
    if (p->read.found == 0)
        err_set(&p->failure, ERR_STORE, 0, "their text is not in the database any more");
    else if (s->current != NULL && bytes_equal(p->read.hash, generation_hash(s->current))) {
        generation_ref(s->current);
        p->generation = s->current;
    } else
        load_archive(p, p->read.archive);
    store_read_fini(r);
    s->on_found(s->ud, p->generation);
}

static struct pinned *fetch(struct scripts *s, int64_t seq)
{
    struct pinned *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    trim(s);
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
        *failure = "out of memory";
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
