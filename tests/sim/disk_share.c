/*
 * What the handles of one file share: the locks of the database file, and the memory of the index of the log with its
 * own locks. As SQLite's unix VFS has them between processes, each handle is one of its own.
 */
#include "disk_file.h"

#include <stdlib.h>

struct disk_shm {
    int handles; /* that have it mapped, dead ones too */
    int count, size;
    void **regions;
};

/* --- locks ---------------------------------------------------------------------------------------------------- */

/* The highest lock of the others. */
static int others(const struct disk_handle *h)
{
    int most = SQLITE_LOCK_NONE;
    for (const struct disk_handle *o = h->file->handles; o != NULL; o = o->next)
        if (o != h && o->lock > most)
            most = o->lock;
    return most;
}

/* PENDING is kept when the readers are still there: it keeps new ones out. */
int disk_lock(struct disk_handle *h, int level)
{
    int most = others(h);
    if (h->lock >= level)
        return SQLITE_OK;
    if (level == SQLITE_LOCK_SHARED && most >= SQLITE_LOCK_PENDING)
        return SQLITE_BUSY;
    if (level >= SQLITE_LOCK_RESERVED && most >= SQLITE_LOCK_RESERVED)
        return SQLITE_BUSY;
    if (level == SQLITE_LOCK_EXCLUSIVE && most == SQLITE_LOCK_SHARED) {
        h->lock = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
    }
    h->lock = level;
    return SQLITE_OK;
}

void disk_unlock(struct disk_handle *h, int level)
{
    if (h->lock > level)
        h->lock = level;
}

bool disk_is_reserved(const struct disk_file *f)
{
    for (const struct disk_handle *h = f->handles; h != NULL; h = h->next)
        if (h->lock >= SQLITE_LOCK_RESERVED)
            return true;
    return false;
}

/* --- shared memory -------------------------------------------------------------------------------------------- */

static struct disk_shm *join(struct disk_handle *h)
{
    if (h->file->shm == NULL)
        h->file->shm = disk_alloc(sizeof *h->file->shm);
    h->file->shm->handles++;
    return h->file->shm;
}

static void grow(struct disk_shm *m, int count, int size)
{
    m->regions = realloc(m->regions, (size_t)count * sizeof *m->regions);
    if (m->regions == NULL)
        abort();
    while (m->count < count)
        m->regions[m->count++] = disk_alloc((size_t)size);
}

int disk_shm_map(struct disk_handle *h, int region, int size, bool extend, void volatile **out)
{
    if (h->shm == NULL)
        h->shm = join(h);
    if (region >= h->shm->count && extend)
        grow(h->shm, region + 1, size);
    *out = region < h->shm->count ? h->shm->regions[region] : NULL;
    return SQLITE_OK;
}

int disk_shm_lock(struct disk_handle *h, int first, int count, int flags)
{
    unsigned mask = ((1u << count) - 1) << first;
    if (flags & SQLITE_SHM_UNLOCK) {
        h->shared &= ~mask;
        h->exclusive &= ~mask;
        return SQLITE_OK;
    }
    for (const struct disk_handle *o = h->file->handles; o != NULL; o = o->next)
        if (o != h && (o->exclusive | (flags & SQLITE_SHM_EXCLUSIVE ? o->shared : 0)) & mask)
            return SQLITE_BUSY;
    if (flags & SQLITE_SHM_EXCLUSIVE)
        h->exclusive |= mask;
    else
        h->shared |= mask;
    return SQLITE_OK;
}

void disk_shm_unmap(struct disk_handle *h)
{
    struct disk_shm *m = h->shm;
    h->shm = NULL;
    h->shared = h->exclusive = 0;
    if (m == NULL || --m->handles > 0)
        return;
    if (h->file != NULL)
        h->file->shm = NULL;
    for (int i = 0; i < m->count; i++)
        free(m->regions[i]);
    free(m->regions);
    free(m);
}
