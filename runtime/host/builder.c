#include "host/builder.h"

#include "core/secrets.h"
#include "store/thread.h"

#include <stdlib.h>
#include <sys/resource.h>

/* Old generations that wait to be freed; with more, the loop does it. */
enum { DISCARDED_MAX = 64, NICE = 10 };

struct builder {
    pthread_t thread;
    bool started;
    void (*wake)(void *ud);
    void *ud;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t cond;
    struct build *queue, **queue_end;
    struct build *ready, **ready_end;
    struct generation *discarded[DISCARDED_MAX];
    size_t discarded_count;
    bool ending;
};

/* --- on its thread ------------------------------------------------------------------------------------------------ */

/* In the thread: with what nobody else uses. */
static void load(struct build *b)
{
    struct generation_options o = b->options;
    b->secrets = secrets_new(&b->failure);
    if (b->secrets == NULL)
        return;
    o.secrets = b->secrets;
    o.log = o.log != NULL ? &b->log : NULL;
    b->log.secrets = b->secrets;
    o.new_id = NULL;
    o.wall_ms = NULL;
    o.forms = NULL;
    o.discard = NULL;
    (void)generation_load(&o, &b->generation, &b->lines, &b->failure);
}

static void work(struct build *b)
{
    bool changed = true;
    if (b->if_changed &&
        seen_look(b->options.seen, b->options.paths, b->options.path_count, &changed, &b->failure) != 0)
        return;
    b->unchanged = !changed;
    if (changed)
        load(b);
}

static struct build *take(struct build **first, struct build ***end)
{
    struct build *b = *first;
    if (b == NULL)
        return NULL;
    *first = b->next;
    if (b->next == NULL)
        *end = first;
    return b;
}

static void append(struct build ***end, struct build *b)
{
    b->next = NULL;
    **end = b;
    *end = &b->next;
}

static void prepend(struct builder *b, struct build *build)
{
    build->next = b->queue;
    b->queue = build;
    if (build->next == NULL)
        b->queue_end = &build->next;
}

/* With the mutex held, which is let go of meanwhile. False: there is nothing to do. */
static bool work_once(struct builder *b)
{
    struct generation *g = b->discarded_count > 0 ? b->discarded[--b->discarded_count] : NULL;
    struct build *build = g != NULL || b->ending ? NULL : take(&b->queue, &b->queue_end);
    if (g == NULL && build == NULL)
        return false;
    pthread_mutex_unlock(&b->mutex);
    if (g != NULL)
        generation_free(g);
    else
        work(build);
    pthread_mutex_lock(&b->mutex);
    if (build != NULL) {
        append(&b->ready_end, build);
        b->wake(b->ud);
    }
    return true;
}

static void *run(void *arg)
{
    struct builder *b = arg;
    (void)setpriority(PRIO_PROCESS, 0, NICE); /* of this thread alone: where cores are few, the loop goes first */
    pthread_mutex_lock(&b->mutex);
    while (work_once(b) || !b->ending) /* what was discarded is freed at the end too */
        if (b->queue == NULL && b->discarded_count == 0 && !b->ending)
            thread_wait(&b->cond, &b->mutex, INT64_MAX);
    pthread_mutex_unlock(&b->mutex);
    return NULL;
}

/* --- on the loop -------------------------------------------------------------------------------------------------- */

struct builder *builder_new(void (*wake)(void *ud), void *ud, struct err *e)
{
    struct builder *b = calloc(1, sizeof *b);
    if (b == NULL || thread_cond_init(&b->cond) != 0) {
        free(b);
        err_memory(e);
        return NULL;
    }
    pthread_mutex_init(&b->mutex, NULL);
    b->wake = wake;
    b->ud = ud;
    b->queue_end = &b->queue;
    b->ready_end = &b->ready;
    return b;
}

void builder_stop(struct builder *b)
{
    if (b == NULL || !b->started)
        return;
    pthread_mutex_lock(&b->mutex);
    b->ending = true;
    pthread_cond_signal(&b->cond);
    pthread_mutex_unlock(&b->mutex);
    pthread_join(b->thread, NULL);
    b->started = false;
}

void builder_free(struct builder *b)
{
    if (b == NULL)
        return;
    builder_stop(b);
    pthread_cond_destroy(&b->cond);
    pthread_mutex_destroy(&b->mutex);
    free(b);
}

int builder_start(struct builder *b, struct build *build, struct err *e)
{
    if (b->ending)
        return err_set(e, ERR_SYSTEM, 0, "the runtime is stopping");
    if (!b->started && thread_start(&b->thread, "anzol-scripts", run, b, e) != 0)
        return -1;
    b->started = true;
    buf_init(&build->lines);
    err_clear(&build->failure);
    build->log = (struct log){.outlet = {.fd = -1}};
    if (build->options.log != NULL)
        log_init_beside(&build->log, build->options.log);
    pthread_mutex_lock(&b->mutex);
    if (build->urgent)
        prepend(b, build);
    else
        append(&b->queue_end, build);
    pthread_cond_signal(&b->cond);
    pthread_mutex_unlock(&b->mutex);
    return 0;
}

bool builder_cancel(struct builder *b, struct build *build)
{
    pthread_mutex_lock(&b->mutex);
    struct build **at = &b->queue;
    while (*at != NULL && *at != build)
        at = &(*at)->next;
    bool found = *at != NULL;
    if (found) {
        *at = build->next;
        if (build->next == NULL)
            b->queue_end = at;
    }
    pthread_mutex_unlock(&b->mutex);
    return found;
}

void builder_dispatch(struct builder *b)
{
    for (;;) {
        pthread_mutex_lock(&b->mutex);
        struct build *build = take(&b->ready, &b->ready_end);
        pthread_mutex_unlock(&b->mutex);
        if (build == NULL)
            return;
        build->done(build);
    }
}

struct generation *builder_take(struct build *b)
{
    if (b->options.log != NULL)
        log_take(b->options.log, &b->log);
    if (b->generation == NULL)
        return NULL;
    if (secrets_add_all(b->options.secrets, b->secrets, &b->failure) != 0)
        return NULL;
    struct generation *g = b->generation;
    b->generation = NULL;
    generation_adopt(g, &b->options);
    return g;
}

void build_fini(struct build *b)
{
    if (b->generation != NULL)
        generation_free(b->generation);
    b->generation = NULL;
    buf_fini(&b->lines);
    secrets_free(b->secrets);
    b->secrets = NULL;
    log_fini(&b->log);
}

void builder_discard(void *ud, struct generation *g)
{
    struct builder *b = ud;
    pthread_mutex_lock(&b->mutex);
    bool room = b->started && b->discarded_count < DISCARDED_MAX;
    if (room) {
        b->discarded[b->discarded_count++] = g;
        pthread_cond_signal(&b->cond);
    }
    pthread_mutex_unlock(&b->mutex);
    if (!room)
        generation_free(g);
}
