#include "disk_file.h"

#include "splitmix.h"

#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512 };

/* --- memory --------------------------------------------------------------------------------------------------- */

void *disk_alloc(size_t size)
{
    void *p = calloc(1, size);
    if (p == NULL)
        abort();
    return p;
}

/* What is new is zeroes. */
static void image_resize(struct disk_image *m, size_t len)
{
    if (len > m->cap) {
        m->cap = len > 2 * m->cap ? len : 2 * m->cap;
        m->data = realloc(m->data, m->cap);
        if (m->data == NULL)
            abort();
    }
    if (len > m->len)
        memset(m->data + m->len, 0, len - m->len);
    m->len = len;
}

static void image_write(struct disk_image *m, int64_t offset, const void *data, size_t len)
{
    size_t end = (size_t)offset + len;
    if (end > m->len)
        image_resize(m, end);
    if (len > 0)
        memcpy(m->data + offset, data, len);
}

static void image_copy(struct disk_image *to, const struct disk_image *from)
{
    image_resize(to, 0);
    image_write(to, 0, from->data, from->len);
}

/* --- changes -------------------------------------------------------------------------------------------------- */

static void add_change(struct disk_file *f, enum disk_op_kind kind, int64_t offset, const void *data, size_t len)
{
    struct disk_change *c = disk_alloc(sizeof *c + len);
    c->kind = kind;
    c->offset = offset;
    c->len = len;
    if (len > 0)
        memcpy(c->data, data, len);
    *f->end = c;
    f->end = &c->next;
}

static void drop_changes(struct disk_file *f)
{
    for (struct disk_change *c; (c = f->first) != NULL;) {
        f->first = c->next;
        free(c);
    }
    f->end = &f->first;
}

static void land(struct disk_image *m, const struct disk_change *c)
{
    if (c->kind == DISK_TRUNCATE)
        image_resize(m, (size_t)c->offset);
    else
        image_write(m, c->offset, c->data, c->len);
}

/* Sectors are those of the file, so that the first and the last may be written in part. */
static void land_sectors(struct disk_image *m, const struct disk_change *c, const struct disk_random *random)
{
    for (size_t at = 0, n; at < c->len; at += n) {
        n = SECTOR - ((size_t)c->offset + at) % SECTOR;
        if (n > c->len - at)
            n = c->len - at;
        if (random->next(random->ud) % 2 == 1)
            image_write(m, c->offset + (int64_t)at, c->data + at, n);
    }
}

static void land_some(struct disk_file *f, const struct disk_random *random)
{
    for (const struct disk_change *c = f->first; c != NULL; c = c->next) {
        uint64_t n = random->next(random->ud) % 4;
        if (n == 1)
            land(&f->synced, c);
        else if (n > 1 && c->kind == DISK_WRITE)
            land_sectors(&f->synced, c, random);
        else if (n == 2)
            land(&f->synced, c);
    }
    drop_changes(f);
}

static void land_all(struct disk_file *f)
{
    for (const struct disk_change *c = f->first; c != NULL; c = c->next)
        land(&f->synced, c);
    drop_changes(f);
}

/* --- files ---------------------------------------------------------------------------------------------------- */

struct disk_file *disk_find(struct disk *d, const char *name)
{
    struct disk_file *f = d->files;
    while (f != NULL && (!f->listed || strcmp(f->name, name) != 0))
        f = f->next;
    return f;
}

struct disk_file *disk_file_new(struct disk *d, const char *name)
{
    struct disk_file *f = disk_alloc(sizeof *f);
    f->end = &f->first;
    f->listed = name != NULL;
    f->name = strdup(name != NULL ? name : "");
    if (f->name == NULL)
        abort();
    f->next = d->files;
    d->files = f;
    return f;
}

void disk_settle(struct disk *d, struct disk_file *f)
{
    if (f->listed || f->handles != NULL)
        return;
    struct disk_file **at = &d->files;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    d->used -= (int64_t)f->now.len;
    drop_changes(f);
    free(f->now.data);
    free(f->synced.data);
    free(f->name);
    free(f);
}

void disk_unlist(struct disk *d, struct disk_file *f)
{
    f->listed = false;
    disk_settle(d, f);
}

/* --- operations ----------------------------------------------------------------------------------------------- */

static uint64_t next_random(void *seed)
{
    return splitmix_next(seed);
}

uint64_t disk_random(struct disk *d)
{
    if (d->hooks.random != NULL)
        return d->hooks.random(d->hooks.ud);
    pthread_mutex_lock(&d->mutex);
    uint64_t n = next_random(&d->seed);
    pthread_mutex_unlock(&d->mutex);
    return n;
}

static void resize(struct disk *d, struct disk_file *f, size_t len)
{
    d->used += (int64_t)len - (int64_t)f->now.len;
    image_resize(&f->now, len);
}

/* How much of a write there is room for. */
static size_t room(const struct disk *d, const struct disk_file *f, int64_t offset, size_t len)
{
    int64_t most = (int64_t)f->now.len + d->capacity - d->used; /* as long as the file may become */
    int64_t fits = (most > (int64_t)f->now.len ? most : (int64_t)f->now.len) - offset;
    return fits < 0 ? 0 : fits < (int64_t)len ? (size_t)fits : len;
}

static int write_some(struct disk *d, struct disk_file *f, const struct disk_op *op, int rc)
{
    size_t want = rc == SQLITE_OK || op->landed > op->len ? op->len : op->landed;
    size_t len = room(d, f, op->offset, want);
    if (len > 0) {
        if ((size_t)op->offset + len > f->now.len)
            resize(d, f, (size_t)op->offset + len);
        image_write(&f->now, op->offset, op->data, len);
        add_change(f, DISK_WRITE, op->offset, op->data, len);
    }
    return rc == SQLITE_OK && len < op->len ? SQLITE_FULL : rc;
}

static int truncate_to(struct disk *d, struct disk_file *f, int64_t len)
{
    if (len > (int64_t)f->now.len && len - (int64_t)f->now.len > d->capacity - d->used)
        return SQLITE_FULL;
    resize(d, f, (size_t)len);
    add_change(f, DISK_TRUNCATE, len, NULL, 0);
    return SQLITE_OK;
}

/* `rc`: what the hook has said. `f` NULL: CREATE and DELETE, which go by name. */
static int perform(struct disk *d, struct disk_file *f, const struct disk_op *op, int rc)
{
    if (op->kind == DISK_WRITE)
        return write_some(d, f, op, rc);
    if (rc != SQLITE_OK)
        return rc;
    switch (op->kind) {
    case DISK_CREATE:
        if (disk_find(d, op->name) == NULL)
            disk_file_new(d, op->name);
        break;
    case DISK_DELETE:
        f = disk_find(d, op->name);
        if (f == NULL)
            return SQLITE_IOERR_DELETE_NOENT;
        disk_unlist(d, f);
        break;
    case DISK_TRUNCATE:
        return truncate_to(d, f, op->offset);
    case DISK_SYNC:
        land_all(f);
        break;
    case DISK_WRITE:
    case DISK_READ:
        break;
    }
    return SQLITE_OK;
}

int disk_do(struct disk *d, struct disk_handle *h, struct disk_op *op)
{
    pthread_mutex_lock(&d->mutex);
    bool dead = h != NULL ? h->file == NULL : d->down;
    uint64_t crashes = d->crashes;
    op->number = d->changes;
    if (!dead && op->kind != DISK_READ)
        d->changes++;
    pthread_mutex_unlock(&d->mutex);
    if (dead)
        return SQLITE_IOERR;
    int rc = d->hooks.before != NULL ? d->hooks.before(d->hooks.ud, op) : SQLITE_OK;
    /* Here, because with the mutex held nobody else is called. */
    uint64_t seed = op->kind == DISK_SYNC && rc != SQLITE_OK ? disk_random(d) : 0;
    pthread_mutex_lock(&d->mutex);
    if (crashes != d->crashes)
        rc = SQLITE_IOERR;
    else if (op->kind == DISK_SYNC && rc != SQLITE_OK)
        land_some(h->file, &(struct disk_random){next_random, &seed});
    else
        rc = perform(d, h != NULL ? h->file : NULL, op, rc);
    pthread_mutex_unlock(&d->mutex);
    return rc;
}

void disk_apply(struct disk *d, const struct disk_op *op)
{
    pthread_mutex_lock(&d->mutex);
    struct disk_file *f = disk_find(d, op->name);
    if (f != NULL || op->kind == DISK_CREATE)
        (void)perform(d, f, op, SQLITE_OK);
    if (op->kind != DISK_READ)
        d->changes++;
    pthread_mutex_unlock(&d->mutex);
}

/* --- the disk ------------------------------------------------------------------------------------------------- */

struct disk *disk_new(void)
{
    struct disk *d = disk_alloc(sizeof *d);
    d->capacity = INT64_MAX / 2;
    pthread_mutex_init(&d->mutex, NULL);
    disk_vfs_init(d);
    return d;
}

void disk_free(struct disk *d)
{
    if (d == NULL)
        return;
    disk_vfs_fini(d);
    while (d->files != NULL) {
        if (d->files->handles != NULL)
            abort();
        disk_unlist(d, d->files);
    }
    pthread_mutex_destroy(&d->mutex);
    free(d);
}

static void copy_file(struct disk *to, const struct disk_file *f)
{
    struct disk_file *mine = disk_file_new(to, f->name);
    image_copy(&mine->now, &f->now);
    image_copy(&mine->synced, &f->synced);
    to->used += (int64_t)f->now.len;
    for (const struct disk_change *c = f->first; c != NULL; c = c->next)
        add_change(mine, c->kind, c->offset, c->data, c->len);
}

struct disk *disk_copy(struct disk *d)
{
    struct disk *mine = disk_new();
    pthread_mutex_lock(&d->mutex);
    mine->capacity = d->capacity;
    mine->changes = d->changes;
    mine->seed = d->seed;
    for (const struct disk_file *f = d->files; f != NULL; f = f->next)
        if (f->listed)
            copy_file(mine, f);
    pthread_mutex_unlock(&d->mutex);
    return mine;
}

void disk_set_hooks(struct disk *d, const struct disk_hooks *hooks)
{
    d->hooks = hooks != NULL ? *hooks : (struct disk_hooks){0};
}

void disk_set_capacity(struct disk *d, int64_t bytes)
{
    pthread_mutex_lock(&d->mutex);
    d->capacity = bytes;
    pthread_mutex_unlock(&d->mutex);
}

int64_t disk_used(struct disk *d)
{
    pthread_mutex_lock(&d->mutex);
    int64_t used = d->used;
    pthread_mutex_unlock(&d->mutex);
    return used;
}

int64_t disk_unsynced(struct disk *d)
{
    int64_t n = 0;
    pthread_mutex_lock(&d->mutex);
    for (const struct disk_file *f = d->files; f != NULL; f = f->next)
        for (const struct disk_change *c = f->first; c != NULL; c = c->next)
            n += (int64_t)c->len;
    pthread_mutex_unlock(&d->mutex);
    return n;
}

uint64_t disk_changes(struct disk *d)
{
    pthread_mutex_lock(&d->mutex);
    uint64_t n = d->changes;
    pthread_mutex_unlock(&d->mutex);
    return n;
}

/* --- crashes -------------------------------------------------------------------------------------------------- */

/* The memory that handles have mapped stays theirs until they unmap it. */
static void kill_handles(struct disk_file *f)
{
    for (struct disk_handle *h = f->handles, *next; h != NULL; h = next) {
        next = h->next;
        h->file = NULL;
        h->next = NULL;
    }
    f->handles = NULL;
    f->shm = NULL;
}

static void lose_power(struct disk *d, struct disk_file *f, const struct disk_random *random)
{
    land_some(f, random);
    d->used += (int64_t)f->synced.len - (int64_t)f->now.len;
    image_copy(&f->now, &f->synced);
}

void disk_crash(struct disk *d, enum disk_crash kind, const struct disk_random *random)
{
    pthread_mutex_lock(&d->mutex);
    d->crashes++;
    d->down = true;
    for (struct disk_file *f = d->files, *next; f != NULL; f = next) {
        next = f->next;
        kill_handles(f);
        if (kind == DISK_POWER)
            lose_power(d, f, random);
        drop_changes(f);
        image_copy(&f->synced, &f->now);
        disk_settle(d, f);
    }
    pthread_mutex_unlock(&d->mutex);
}

void disk_up(struct disk *d)
{
    pthread_mutex_lock(&d->mutex);
    d->down = false;
    pthread_mutex_unlock(&d->mutex);
}
