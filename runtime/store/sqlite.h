/*
 * sqlite: one connection to the database file: opening, statements, and what its errors mean to a person.
 *
 * A connection belongs to one thread at a time (it is opened without SQLite's own mutexes). Functions that return `int
 * rc` return an SQLite result code, because the caller decides by it; sqlite_fail() turns one into a struct err.
 */
#ifndef ANZOL_STORE_SQLITE_H
#define ANZOL_STORE_SQLITE_H

#include "core/buf.h"
#include "core/err.h"

#include <sqlite3.h>

struct sqlite {
    sqlite3 *db;        /* NULL: closed */
    const char *folder; /* the store's */
    const char *path;   /* the store's: folder/anzol.db */
    const char *vfs;    /* NULL: SQLite's own (see wal.h) */
};

/* How long a statement waits for a lock of another program. */
enum { SQLITE_BUSY_MS = 2000 };

enum sqlite_role { SQLITE_WRITER, SQLITE_READER };

/*
 * Creates the file, empty and its owner's alone (its -wal and -shm follow suit), when it is missing. Only before any
 * connection is open: closing a descriptor of the file would drop SQLite's locks.
 */
int sqlite_create(const char *folder, const char *path, struct err *e);
/* The file exists already. 0, or -1: closed. */
int sqlite_open(struct sqlite *c, enum sqlite_role role, struct err *e);
/* Finalizes every statement with it. Closed already is fine. */
void sqlite_close(struct sqlite *c);

/* A statement to prepare: kept until the connection closes. A table of them ends with sql NULL. */
struct sqlite_text {
    sqlite3_stmt **to;
    const char *sql;
};
int sqlite_prepare(struct sqlite *c, const struct sqlite_text *texts, struct err *e);

/* One or more statements whose rows nobody wants. */
int sqlite_exec(struct sqlite *c, const char *sql, struct err *e);
/* The first value of a query, as PRAGMA user_version. */
int sqlite_number(struct sqlite *c, const char *sql, int64_t *out, struct err *e);
/* Steps to the end and resets: rc SQLITE_OK, or what went wrong. */
int sqlite_run(sqlite3_stmt *st);
/* Resets and forgets the bindings, whose memory goes away. */
void sqlite_done(sqlite3_stmt *st);
/* Ends a transaction that is still open. */
void sqlite_rollback(struct sqlite *c);

void sqlite_bind_bytes(sqlite3_stmt *st, int at, struct bytes v);         /* as text; empty is "" */
void sqlite_bind_bytes_or_null(sqlite3_stmt *st, int at, struct bytes v); /* empty is NULL */
void sqlite_bind_blob(sqlite3_stmt *st, int at, const void *data, size_t len);
/* Results of a function or a table of ours; the memory stays until SQLite has used them. */
void sqlite_result_text(sqlite3_context *to, struct bytes v);
void sqlite_result_blob(sqlite3_context *to, struct bytes v);

/* Composes what `rc` (with what the connection knows of it) means, and what to do about it; returns -1. */
int sqlite_fail(struct sqlite *c, int rc, struct err *e);
/* True when `rc` is the fault of the write itself (a constraint, too big), not of the database or the machine. */
bool sqlite_own_fault(int rc);
/* True when the connection should be opened anew before the next try. */
bool sqlite_reopen_after(int rc);

#endif
