/* The disk as SQLite sees it. */
#include "disk_file.h"

#include <string.h>
#include <time.h>

/* As the unix VFS says of a disk it knows nothing about, so that SQLite writes what it writes in earnest. */
enum { SECTOR_SIZE = 4096, NAME_MAX_LEN = 512 };

/* SQLite counts from noon of the 24th of November 4714 BC. */
static const int64_t EPOCH_MS = 210866760000000;

static struct disk_handle *handle(sqlite3_file *f)
{
    return (struct disk_handle *)f;
}

/* --- a file --------------------------------------------------------------------------------------------------- */

static int do_op(struct disk_handle *h, struct disk_op op)
{
    op.name = h->name;
    return disk_do(h->disk, h, &op);
}

/* The mutex is held from here; false, and not held: the handle is dead. */
static bool enter(struct disk_handle *h)
{
    pthread_mutex_lock(&h->disk->mutex);
    if (h->file != NULL)
        return true;
    pthread_mutex_unlock(&h->disk->mutex);
    return false;
}

static int leave(struct disk_handle *h, int rc)
{
    pthread_mutex_unlock(&h->disk->mutex);
    return rc;
}

static void forget(struct disk_handle *h)
{
    struct disk_file *f = h->file;
    struct disk_handle **at = &f->handles;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    if (h->delete_on_close && f->listed)
        disk_unlist(h->disk, f);
    else
        disk_settle(h->disk, f);
}

static int close_file(sqlite3_file *file)
{
    struct disk_handle *h = handle(file);
    pthread_mutex_lock(&h->disk->mutex);
    disk_shm_unmap(h);
    if (h->file != NULL)
        forget(h);
    return leave(h, SQLITE_OK);
}

static int read_file(sqlite3_file *file, void *out, int len, sqlite3_int64 offset)
{
    struct disk_handle *h = handle(file);
    int rc = do_op(h, (struct disk_op){.kind = DISK_READ, .offset = offset, .len = (size_t)len});
    if (rc != SQLITE_OK || !enter(h))
        return rc != SQLITE_OK ? rc : SQLITE_IOERR;
    const struct disk_image *m = &h->file->now;
    size_t n = (size_t)offset >= m->len ? 0 : m->len - (size_t)offset;
    if (n > (size_t)len)
        n = (size_t)len;
    if (n > 0)
        memcpy(out, m->data + offset, n);
    memset((char *)out + n, 0, (size_t)len - n);
    return leave(h, n < (size_t)len ? SQLITE_IOERR_SHORT_READ : SQLITE_OK);
}

static int write_file(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
    return do_op(handle(file), (struct disk_op){DISK_WRITE, .offset = offset, .data = data, .len = (size_t)len});
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
    return do_op(handle(file), (struct disk_op){DISK_TRUNCATE, .offset = size});
}

static int sync_file(sqlite3_file *file, int flags)
{
    (void)flags;
    return do_op(handle(file), (struct disk_op){DISK_SYNC, .offset = 0});
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct disk_handle *h = handle(file);
    if (!enter(h))
        return SQLITE_IOERR_FSTAT;
    *size = (sqlite3_int64)h->file->now.len;
    return leave(h, SQLITE_OK);
}

static int lock_file(sqlite3_file *file, int level)
{
    struct disk_handle *h = handle(file);
    return enter(h) ? leave(h, disk_lock(h, level)) : SQLITE_IOERR_LOCK;
}

static int unlock_file(sqlite3_file *file, int level)
{
    struct disk_handle *h = handle(file);
    if (enter(h)) {
        disk_unlock(h, level);
        leave(h, SQLITE_OK);
    }
    return SQLITE_OK;
}

static int check_reserved(sqlite3_file *file, int *reserved)
{
    struct disk_handle *h = handle(file);
    if (!enter(h))
        return SQLITE_IOERR_CHECKRESERVEDLOCK;
    *reserved = disk_is_reserved(h->file);
    return leave(h, SQLITE_OK);
}

static int control(sqlite3_file *file, int what, void *arg)
{
    struct disk_handle *h = handle(file);
    switch (what) {
    case SQLITE_FCNTL_LOCKSTATE:
        *(int *)arg = h->lock;
        return SQLITE_OK;
    case SQLITE_FCNTL_HAS_MOVED:
        *(int *)arg = h->file == NULL || !h->file->listed;
        return SQLITE_OK;
    case SQLITE_FCNTL_POWERSAFE_OVERWRITE:
        if (*(int *)arg < 0)
            *(int *)arg = 1;
        return SQLITE_OK;
    case SQLITE_FCNTL_SIZE_HINT:
        return SQLITE_OK;
    default:
        return SQLITE_NOTFOUND;
    }
}

static int sector_size(sqlite3_file *file)
{
    (void)file;
    return SECTOR_SIZE;
}

/*
 * What the unix VFS claims unless it is asked not to: a write changes no byte beside its own. A crash keeps to it.
 * (Without it SQLite would fill the log up to a whole sector at each commit.)
 */
static int characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    struct disk_handle *h = handle(file);
    return enter(h) ? leave(h, disk_shm_map(h, region, size, extend != 0, out)) : SQLITE_IOERR_SHMMAP;
}

static int shm_lock(sqlite3_file *file, int first, int count, int flags)
{
    struct disk_handle *h = handle(file);
    return enter(h) ? leave(h, disk_shm_lock(h, first, count, flags)) : SQLITE_IOERR_SHMLOCK;
}

static void shm_barrier(sqlite3_file *file)
{
    struct disk_handle *h = handle(file);
    pthread_mutex_lock(&h->disk->mutex);
    leave(h, SQLITE_OK);
}

static int shm_unmap(sqlite3_file *file, int delete)
{
    struct disk_handle *h = handle(file);
    (void)delete; /* it is gone with the last that has it, as on unix, where the next to come empties it */
    pthread_mutex_lock(&h->disk->mutex);
    disk_shm_unmap(h);
    return leave(h, SQLITE_OK);
}

static const sqlite3_io_methods METHODS = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* --- the disk ------------------------------------------------------------------------------------------------- */

static struct disk *disk_of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static bool is_known(struct disk *d, const char *name)
{
    pthread_mutex_lock(&d->mutex);
    bool known = disk_find(d, name) != NULL;
    pthread_mutex_unlock(&d->mutex);
    return known;
}

static int create(struct disk *d, const char *name)
{
    struct disk_op op = {.kind = DISK_CREATE, .name = name};
    return disk_do(d, NULL, &op);
}

/* The file may be gone again since it was made: then it cannot be opened. */
static int attach(struct disk *d, struct disk_handle *h, int flags)
{
    pthread_mutex_lock(&d->mutex);
    struct disk_file *f = h->name == NULL ? disk_file_new(d, NULL) : disk_find(d, h->name);
    if (f == NULL || d->down)
        return leave(h, SQLITE_CANTOPEN);
    h->base.pMethods = &METHODS;
    h->file = f;
    h->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    h->next = f->handles;
    f->handles = h;
    return leave(h, SQLITE_OK);
}

static int open_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
    struct disk *d = disk_of(vfs);
    struct disk_handle *h = handle(file);
    *h = (struct disk_handle){.disk = d, .name = name};
    if (name != NULL && !is_known(d, name)) {
        if (!(flags & (SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB)))
            return SQLITE_CANTOPEN;
        int rc = create(d, name);
        if (rc != SQLITE_OK)
            return rc;
    }
    if (out_flags != NULL)
        *out_flags = flags;
    return attach(d, h, flags);
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    struct disk_op op = {.kind = DISK_DELETE, .name = name};
    (void)sync_folder;
    return is_known(disk_of(vfs), name) ? disk_do(disk_of(vfs), NULL, &op) : SQLITE_IOERR_DELETE_NOENT;
}

/* As on unix, an empty file does not count: a journal without anything is none. */
static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *yes)
{
    struct disk *d = disk_of(vfs);
    pthread_mutex_lock(&d->mutex);
    struct disk_file *f = d->down ? NULL : disk_find(d, name);
    *yes = f != NULL && (flags != SQLITE_ACCESS_EXISTS || f->now.len > 0);
    pthread_mutex_unlock(&d->mutex);
    return SQLITE_OK;
}

static int full_name(sqlite3_vfs *vfs, const char *name, int room, char *out)
{
    (void)vfs;
    return sqlite3_snprintf(room, out, "%s", name) != NULL && strlen(name) < (size_t)room ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int randomness(sqlite3_vfs *vfs, int len, char *out)
{
    for (int i = 0; i < len; i++)
        out[i] = (char)disk_random(disk_of(vfs));
    return len;
}

static int sleep_us(sqlite3_vfs *vfs, int us)
{
    const struct disk_hooks *k = &disk_of(vfs)->hooks;
    if (k->sleep_us != NULL)
        k->sleep_us(k->ud, us);
    else
        nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000L}, NULL);
    return us;
}

static int now_ms(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    const struct disk_hooks *k = &disk_of(vfs)->hooks;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    *out = EPOCH_MS + (k->now_ms != NULL ? k->now_ms(k->ud) : t.tv_sec * 1000 + t.tv_nsec / 1000000);
    return SQLITE_OK;
}

static int now_days(sqlite3_vfs *vfs, double *out)
{
    sqlite3_int64 ms;
    now_ms(vfs, &ms);
    *out = (double)ms / 86400000.0;
    return SQLITE_OK;
}

/* The errno: there is none. */
static int last_error(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs, (void)len, (void)out;
    return 0;
}

void disk_vfs_init(struct disk *d)
{
    d->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct disk_handle),
        .mxPathname = NAME_MAX_LEN,
        .zName = "disk",
        .pAppData = d,
        .xOpen = open_file,
        .xDelete = delete_file,
        .xAccess = access_file,
        .xFullPathname = full_name,
        .xRandomness = randomness,
        .xSleep = sleep_us,
        .xCurrentTime = now_days,
        .xGetLastError = last_error,
        .xCurrentTimeInt64 = now_ms,
    };
}

static struct disk *used;

void disk_use(struct disk *d)
{
    if (used != NULL)
        (void)sqlite3_vfs_unregister(&used->vfs);
    used = d;
    if (used != NULL)
        (void)sqlite3_vfs_register(&used->vfs, 1);
}

void disk_vfs_fini(struct disk *d)
{
    if (used == d)
        disk_use(NULL);
}
