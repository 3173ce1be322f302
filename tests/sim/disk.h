/*
 * disk: a disk in memory, which SQLite takes for the real one: it fails when it is told to, and loses power.
 *
 * Each file has what a program reads (as the page cache holds it) and what a power cut leaves: the content at its last
 * sync, with the changes since then, which land or do not. A sync is a barrier for its file alone. That a file is made
 * or deleted is durable at once.
 *
 * A hook of the owner is called before each operation, on the thread that makes it and with no lock held: it may fail
 * the operation, switch to another fiber, or crash the disk. Functions may be called from any thread, unless they say
 * otherwise; the order of operations is that of their hooks as long as one thread at a time changes things. When memory
 * is short the program aborts.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stddef.h>
#include <stdint.h>

struct disk;

enum disk_op_kind { DISK_CREATE, DISK_DELETE, DISK_WRITE, DISK_TRUNCATE, DISK_SYNC, DISK_READ };

struct disk_op {
    enum disk_op_kind kind;
    const char *name;
    int64_t offset;   /* READ, WRITE: where; TRUNCATE: the new size */
    const void *data; /* WRITE */
    size_t len;       /* READ, WRITE */
    uint64_t number;  /* how many changes and syncs there were before this one */
    size_t landed;    /* the hook's: of a WRITE that fails, as many bytes are written all the same */
};

/* Each may be NULL: then nothing fails, and the rest is as the machine has it. */
struct disk_hooks {
    /*
     * SQLITE_OK, or what the operation fails with: SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC,
     * SQLITE_IOERR_READ, SQLITE_IOERR_DELETE, … A sync that fails is what it is on Linux: of the changes until then
     * some have landed, and no later sync brings the others; programs go on to read all of them.
     */
    int (*before)(void *ud, struct disk_op *op);
    /* For SQLite, which asks once (and again after sqlite3_randomness(0, NULL)), and for what a failed sync leaves.
     * NULL: a fixed sequence. */
    uint64_t (*random)(void *ud);
    int64_t (*now_ms)(void *ud); /* since 1970 */
    void (*sleep_us)(void *ud, int us);
    void *ud;
};

/* DISK_KILL: the program died, every change stays. DISK_POWER: the machine did. */
enum disk_crash { DISK_KILL, DISK_POWER };

/*
 * Whether a change lands. Of each unsynced change one number is drawn: 0 modulo 4, none of it; 1, all of it; else each
 * sector of 512 bytes of a write by a number of its own, if that is odd. So a source of zeroes loses what it may, one
 * of ones nothing.
 */
struct disk_random {
    uint64_t (*next)(void *ud);
    void *ud;
};

struct disk *disk_new(void);
/* No handle is open any more. NULL is fine. */
void disk_free(struct disk *d);
/* The same files with what is and is not synced; without hooks and handles, with the same capacity, up. */
struct disk *disk_copy(struct disk *d);

/* From now on; NULL: none. While no operation is under way. */
void disk_set_hooks(struct disk *d, const struct disk_hooks *hooks);
/* What the files may hold in all: a write beyond it writes what there is room for and fails with SQLITE_FULL. */
void disk_set_capacity(struct disk *d, int64_t bytes);
int64_t disk_used(struct disk *d);
/* Bytes of changes that are not synced: the disk remembers each of them for a power cut. */
int64_t disk_unsynced(struct disk *d);
/* The name of a file that holds these bytes now, as long as it is there; NULL: none does. */
const char *disk_search(struct disk *d, const void *what, size_t len);
/* Changes and syncs so far, failed ones too. */
uint64_t disk_changes(struct disk *d);

/*
 * The files are as the crash leaves them, and all of it synced. Whatever is open is dead: it fails with SQLITE_IOERR
 * and changes nothing, but for closing. Nothing can be opened until disk_up(), so that what the dead program still
 * tries comes to nothing. `random`: for DISK_POWER.
 */
void disk_crash(struct disk *d, enum disk_crash kind, const struct disk_random *random);
void disk_up(struct disk *d);

/* Does what a recorded operation did, by name, without the hook; a file that is not there (any more) is passed over. */
void disk_apply(struct disk *d, const struct disk_op *op);

/*
 * This disk is SQLite's, for what is opened from now on; what is open stays where it is. NULL: the machine's own again.
 * While no other thread opens anything.
 *
 * As on the real one, opening a database does not make the file, but here one that is unknown is made: who opens it has
 * made it with open(2), elsewhere.
 */
void disk_use(struct disk *d);

#endif
