#include "script/watch_internal.h"

#include "script/load.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    NAMES = IN_CREATE | IN_DELETE | IN_MOVE,
    CONTENT = IN_MODIFY | IN_CLOSE_WRITE,
    ITSELF = IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF,
    EVENTS_SIZE = 16384,
    READS_MAX = 64, /* who writes without end must not keep us here */
};

struct list {
    char **items;
    size_t count;
};

/* What matters of one watch: a name in its folder, or "": that it is there. */
struct spot {
    int wd;
    char *name;
};

struct spots {
    struct spot *items;
    size_t count, cap;
};

struct watch {
    int fd;
    struct list paths, looked;
    struct spots spots; /* sorted, but while they are gathered */
    struct err first;   /* what could not be watched when we last looked around */
};

/* The limit as it is, or -1. */
static long read_limit(const char *name)
{
    char path[64];
    long value;
    snprintf(path, sizeof path, "/proc/sys/fs/inotify/%s", name);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return -1;
    if (fscanf(f, "%ld", &value) != 1)
        value = -1;
    fclose(f);
    return value;
}

static int fail_at_limit(struct err *e, int number, const char *path, const char *what, const char *limit)
{
    long now = read_limit(limit);
    /* Of inotify's own and of open files there is one error; out of the latter, no file could be opened. */
    if (now < 0)
        return err_system(e, number, "cannot watch %s", path);
    return err_set(e, ERR_SYSTEM, number,
                   "cannot watch %s: this user has no inotify %s left; raise fs.inotify.%s (now %ld)", path, what,
                   limit, now);
}

struct watch *watch_new(struct err *e)
{
    struct watch *w = calloc(1, sizeof *w);
    if (w == NULL) {
        err_memory(e);
        return NULL;
    }
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd >= 0)
        return w;
    if (errno == EMFILE)
        fail_at_limit(e, errno, "files", "instances", "max_user_instances");
    else
        err_system(e, errno, "cannot watch files");
    free(w);
    return NULL;
}

static void free_list(struct list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->items[i]);
    free(l->items);
}

static void free_spots(struct spots *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->items[i].name);
    free(s->items);
}

void watch_free(struct watch *w)
{
    if (w == NULL)
        return;
    close(w->fd);
    free_list(&w->paths);
    free_list(&w->looked);
    free_spots(&w->spots);
    free(w);
}

int watch_fd(const struct watch *w)
{
    return w->fd;
}

void watch_fail(struct watch *w, const char *path, int number)
{
    if (w->first.domain != ERR_NONE)
        return;
    if (number == ENOMEM)
        err_memory(&w->first);
    else if (number == ENOSPC)
        fail_at_limit(&w->first, number, path, "watches", "max_user_watches");
    else
        err_system(&w->first, number, "cannot watch %s", path);
}

static int add_spot(struct spots *s, int wd, const char *name)
{
    if (s->count == s->cap) {
        size_t cap = s->cap == 0 ? 64 : 2 * s->cap;
        struct spot *more = realloc(s->items, cap * sizeof *more);
        if (more == NULL)
            return -1;
        s->items = more;
        s->cap = cap;
    }
    struct spot *last = &s->items[s->count];
    *last = (struct spot){wd, strdup(name)};
    if (last->name == NULL)
        return -1;
    s->count++;
    return 0;
}

/* It went while we looked: the folder that it was in tells. */
static bool is_gone(int number)
{
    return number == ENOENT || number == ENOTDIR || number == ELOOP || number == ENAMETOOLONG;
}

/* False: it may not be read. */
static bool add(struct watch *w, const char *path, uint32_t mask, const char *name)
{
    /* Two paths may lead to one watch: it is asked for what either needs. */
    int wd = inotify_add_watch(w->fd, path, mask | IN_MASK_ADD);
    int rc = wd < 0 ? errno : add_spot(&w->spots, wd, name) != 0 ? ENOMEM : 0;
    if (rc != 0 && rc != EACCES && !is_gone(rc))
        watch_fail(w, path, rc);
    return rc != EACCES;
}

bool watch_entry(struct watch *w, const char *folder, const char *name)
{
    return add(w, folder, NAMES | ITSELF | IN_ONLYDIR, name);
}

bool watch_itself(struct watch *w, const char *path)
{
    return add(w, path, CONTENT | ITSELF | IN_DONT_FOLLOW, "");
}

static int compare_spots(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    return x->wd != y->wd ? (x->wd > y->wd) - (x->wd < y->wd) : strcmp(x->name, y->name);
}

static int compare_watches(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    return (x->wd > y->wd) - (x->wd < y->wd);
}

static bool has(const struct spots *s, int wd, const char *name)
{
    struct spot key = {wd, (char *)name};
    return s->count > 0 && bsearch(&key, s->items, s->count, sizeof key, compare_spots) != NULL;
}

static bool has_watch(const struct spots *s, int wd)
{
    struct spot key = {wd, NULL};
    return s->count > 0 && bsearch(&key, s->items, s->count, sizeof key, compare_watches) != NULL;
}

static void drop_watches(struct watch *w, const struct spots *old)
{
    for (size_t i = 0; i < old->count; i++)
        if ((i == 0 || old->items[i].wd != old->items[i - 1].wd) && !has_watch(&w->spots, old->items[i].wd))
            (void)inotify_rm_watch(w->fd, old->items[i].wd); /* the kernel may have done so before */
}

static void look_around(struct watch *w)
{
    struct spots old = w->spots;
    w->spots = (struct spots){.items = NULL};
    err_clear(&w->first);
    for (size_t i = 0; i < w->paths.count; i++)
        watch_walk(w, w->paths.items[i], true);
    for (size_t i = 0; i < w->looked.count; i++)
        watch_walk(w, w->looked.items[i], false);
    if (w->spots.count > 0)
        qsort(w->spots.items, w->spots.count, sizeof *w->spots.items, compare_spots);
    drop_watches(w, &old);
    free_spots(&old);
}

static int copy_list(struct list *out, const char *const *items, size_t count)
{
    if (count == 0)
        return 0;
    out->items = calloc(count, sizeof *out->items);
    if (out->items == NULL)
        return -1;
    for (; out->count < count; out->count++) {
        out->items[out->count] = strdup(items[out->count]);
        if (out->items[out->count] == NULL)
            return -1;
    }
    return 0;
}

int watch_set(struct watch *w, const char *const *paths, size_t path_count, const char *const *looked,
              size_t looked_count, struct err *e)
{
    struct list new_paths = {.items = NULL}, new_looked = {.items = NULL};
    if (copy_list(&new_paths, paths, path_count) != 0 || copy_list(&new_looked, looked, looked_count) != 0) {
        free_list(&new_paths);
        free_list(&new_looked);
        return err_memory(e);
    }
    free_list(&w->paths);
    free_list(&w->looked);
    w->paths = new_paths;
    w->looked = new_looked;
    look_around(w);
    if (w->first.domain == ERR_NONE)
        return 0;
    if (e != NULL)
        *e = w->first;
    return -1;
}

static bool matters(const struct watch *w, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        return true;
    if (event->len == 0)
        return has_watch(&w->spots, event->wd);
    return has(&w->spots, event->wd, event->name) ||
           (load_is_script(event->name) && has(&w->spots, event->wd, WATCH_SCRIPTS));
}

/* What happened, of all that matters. */
static uint32_t take_events(const struct watch *w, const char *events, size_t len)
{
    uint32_t happened = 0;
    for (size_t at = 0; at < len;) {
        const struct inotify_event *event = (const struct inotify_event *)(const void *)(events + at);
        if (matters(w, event))
            happened |= event->mask;
        at += sizeof *event + event->len;
    }
    return happened;
}

bool watch_read(struct watch *w)
{
    alignas(struct inotify_event) char events[EVENTS_SIZE];
    uint32_t happened = 0;
    for (int i = 0; i < READS_MAX; i++) {
        ssize_t n = read(w->fd, events, sizeof events);
        if (n <= 0 && (n == 0 || errno != EINTR))
            break;
        if (n > 0)
            happened |= take_events(w, events, (size_t)n);
    }
    /* But for what is written where it was, any of it may lead elsewhere now. */
    if (happened & ~(uint32_t)CONTENT)
        look_around(w);
    return happened != 0;
}
