/*
 * wal: SQLite's write-ahead log, written in long pieces.
 *
 * SQLite writes each page of a commit with two calls, its head and the page, and syncs behind the last. What it writes
 * to the log is held here until it syncs, reads, or asks for the size of the file, or 120 KB have gathered; then one
 * call writes it. Nothing is promised before the sync, and no other connection looks behind the last commit, so nobody
 * sees the difference; a write that fails is told by the call that made it.
 *
 * It is a VFS of SQLite's around the one that is the default when it is registered; files but the log are that one's.
 * It is for `synchronous=FULL`: without a sync in each commit, others would be told of commits that are held. Pages
 * that a checkpoint moves into the database are not held: SQLite neither syncs nor asks for anything behind the last
 * page of one that readers keep from moving all, so nobody could be told that it was not written.
 */
#ifndef ANZOL_STORE_WAL_H
#define ANZOL_STORE_WAL_H

#include "store/sqlite.h"

#include <stdint.h>

/* One connection uses it at a time. */
struct wal {
    sqlite3_vfs vfs;
    sqlite3_vfs *base; /* NULL: not registered */
    char name[32];
    struct buf held; /* bytes of the log, to be written … */
    int64_t at;      /* … there */
};

/* Under a name of its own, `name`: the memory must stay where it is. rc. */
int wal_register(struct wal *w);
/* For the connection that uses it, once it is open: what is rolled back is not written any more, for by then the place
 * in the log may be another program's. */
void wal_follow(struct wal *w, sqlite3 *db);
/* No connection uses it any more. Not registered is fine. */
void wal_fini(struct wal *w);

#endif
