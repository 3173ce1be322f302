/*
 * disk_file: a disk and its files, for the files of disk. Functions want the disk's mutex held, unless they say
 * otherwise.
 */
#ifndef SIM_DISK_FILE_H
#define SIM_DISK_FILE_H

#include "disk.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>

struct disk_image {
    uint8_t *data;
    size_t len, cap;
};

/* Since the last sync. */
struct disk_change {
    struct disk_change *next;
    enum disk_op_kind kind;
    int64_t offset;
    size_t len;
    uint8_t data[];
};

struct disk_file {
    struct disk_file *next;
    char *name;
    struct disk_image now, synced;
    struct disk_change *first, **end;
    bool listed;                 /* false: deleted, and kept for those who have it open */
    struct disk_handle *handles; /* who has it open */
    struct disk_shm *shm;        /* NULL: nobody has mapped it */
};

struct disk {
    pthread_mutex_t mutex;
    struct disk_hooks hooks;
    struct disk_file *files;
    int64_t capacity, used;
    uint64_t changes;
    uint64_t crashes;
    uint64_t seed;
    bool down;
    sqlite3_vfs vfs;
};

/* An open file. */
struct disk_handle {
    sqlite3_file base;
    struct disk *disk;
    struct disk_file *file; /* NULL: dead */
    const char *name;       /* SQLite's, as long as it is open */
    struct disk_handle *next;
    bool delete_on_close;
    int lock;             /* SQLITE_LOCK_… */
    struct disk_shm *shm; /* NULL: not mapped */
    unsigned shared, exclusive;
};

void *disk_alloc(size_t size);
/* NULL: none. */
struct disk_file *disk_find(struct disk *d, const char *name);
/* `name` NULL: one that is nobody else's. */
struct disk_file *disk_file_new(struct disk *d, const char *name);
void disk_unlist(struct disk *d, struct disk_file *f);
/* Frees a file that is not listed and that nobody has open. */
void disk_settle(struct disk *d, struct disk_file *f);
/* Not with the mutex held. */
uint64_t disk_random(struct disk *d);

/*
 * One operation from its hook on; rc. `h`: of which handle, NULL for CREATE and DELETE. READs are not done, only asked
 * for. Not with the mutex held.
 */
int disk_do(struct disk *d, struct disk_handle *h, struct disk_op *op);

/* --- disk_vfs.c: the disk as SQLite sees it ------------------------------------------------------------------- */

void disk_vfs_init(struct disk *d);
/* Not with the mutex held. */
void disk_vfs_fini(struct disk *d);

/* --- disk_share.c: what the handles of a file share ----------------------------------------------------------- */

int disk_lock(struct disk_handle *h, int level);
void disk_unlock(struct disk_handle *h, int level);
bool disk_is_reserved(const struct disk_file *f);
int disk_shm_map(struct disk_handle *h, int region, int size, bool extend, void volatile **out);
int disk_shm_lock(struct disk_handle *h, int first, int count, int flags);
/* Also of a dead handle. */
void disk_shm_unmap(struct disk_handle *h);

#endif
