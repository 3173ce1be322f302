#include "store/wal.h"

#include <stdio.h>

enum { HELD_MAX = 120 << 10 }; /* SQLite's own write takes 128 KB at most */

/* What SQLite calls an open log; the base's own file stands behind it. */
struct wal_file {
    sqlite3_file file; /* the first member: by it SQLite knows this */
    struct wal *wal;
};

static struct wal *wal_of(sqlite3_file *file)
{
    return ((struct wal_file *)file)->wal;
}

static sqlite3_file *real(sqlite3_file *file)
{
    return (sqlite3_file *)((struct wal_file *)file + 1);
}

/* --- the log -------------------------------------------------------------------------------------------------- */

static int flush(sqlite3_file *file)
{
    struct wal *w = wal_of(file);
    int rc = SQLITE_OK;
    if (w->held.len > 0)
        rc = real(file)->pMethods->xWrite(real(file), w->held.data, (int)w->held.len, w->at);
    buf_clear(&w->held);
    return rc;
}

static int on_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    struct wal *w = wal_of(file);
    bool goes_on = at == w->at + (int64_t)w->held.len && w->held.len + (size_t)len <= HELD_MAX;
    int rc = goes_on ? SQLITE_OK : flush(file);
    if (rc != SQLITE_OK)
        return rc;
    if (w->held.len == 0)
        w->at = at;
    if (buf_append(&w->held, data, (size_t)len) == 0)
        return SQLITE_OK;
    w->held.failed = false; /* memory is short: what is held is whole */
    rc = flush(file);
    return rc == SQLITE_OK ? real(file)->pMethods->xWrite(real(file), data, len, at) : rc;
}

static int on_close(sqlite3_file *file)
{
    int rc = flush(file), closed = real(file)->pMethods->xClose(real(file));
    return rc == SQLITE_OK ? closed : rc;
}

static int on_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
    int rc = flush(file);
    return rc == SQLITE_OK ? real(file)->pMethods->xRead(real(file), to, len, at) : rc;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = flush(file);
    return rc == SQLITE_OK ? real(file)->pMethods->xTruncate(real(file), size) : rc;
}

static int on_sync(sqlite3_file *file, int flags)
{
    int rc = flush(file);
    return rc == SQLITE_OK ? real(file)->pMethods->xSync(real(file), flags) : rc;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *size)
{
    int rc = flush(file);
    return rc == SQLITE_OK ? real(file)->pMethods->xFileSize(real(file), size) : rc;
}

static int on_lock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xLock(real(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int on_check_lock(sqlite3_file *file, int *out)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), out);
}

static int on_control(sqlite3_file *file, int op, void *arg)
{
    return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int on_sector_size(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int on_characteristics(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 1,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_characteristics,
};

/* --- the VFS -------------------------------------------------------------------------------------------------- */

static sqlite3_vfs *base_of(sqlite3_vfs *vfs)
{
    return ((struct wal *)vfs->pAppData)->base;
}

static int on_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out)
{
    sqlite3_vfs *base = base_of(vfs);
    if ((flags & SQLITE_OPEN_WAL) == 0)
        return base->xOpen(base, path, file, flags, out);
    struct wal_file *f = (struct wal_file *)file;
    f->wal = vfs->pAppData;
    buf_clear(&f->wal->held);
    int rc = base->xOpen(base, path, real(file), flags, out);
    file->pMethods = real(file)->pMethods != NULL ? &METHODS : NULL; /* to be closed, even if it failed */
    return rc;
}

static int on_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    return base_of(vfs)->xDelete(base_of(vfs), path, sync);
}

static int on_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    return base_of(vfs)->xAccess(base_of(vfs), path, flags, out);
}

static int on_full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    return base_of(vfs)->xFullPathname(base_of(vfs), path, size, out);
}

static int on_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    return base_of(vfs)->xRandomness(base_of(vfs), size, out);
}

static int on_sleep(sqlite3_vfs *vfs, int us)
{
    return base_of(vfs)->xSleep(base_of(vfs), us);
}

static int on_current_time(sqlite3_vfs *vfs, double *out)
{
    return base_of(vfs)->xCurrentTime(base_of(vfs), out);
}

static int on_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    return base_of(vfs)->xGetLastError(base_of(vfs), size, out);
}

int wal_register(struct wal *w)
{
    int rc = sqlite3_initialize(); /* else a lack of memory would look like no base */
    w->base = rc == SQLITE_OK ? sqlite3_vfs_find(NULL) : NULL;
    if (w->base == NULL)
        return rc != SQLITE_OK ? rc : SQLITE_ERROR;
    snprintf(w->name, sizeof w->name, "anzol-%p", (void *)w);
    w->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(struct wal_file) + w->base->szOsFile,
        .mxPathname = w->base->mxPathname,
        .zName = w->name,
        .pAppData = w,
        .xOpen = on_open,
        .xDelete = on_delete,
        .xAccess = on_access,
        .xFullPathname = on_full_path,
        .xRandomness = on_randomness,
        .xSleep = on_sleep,
        .xCurrentTime = on_current_time,
        .xGetLastError = on_last_error,
    };
    return sqlite3_vfs_register(&w->vfs, 0);
}

static void on_rollback(void *ud)
{
    struct wal *w = ud;
    buf_clear(&w->held);
}

void wal_follow(struct wal *w, sqlite3 *db)
{
    sqlite3_rollback_hook(db, on_rollback, w);
}

void wal_fini(struct wal *w)
{
    if (w->base != NULL)
        sqlite3_vfs_unregister(&w->vfs);
    w->base = NULL;
    buf_fini(&w->held);
}
