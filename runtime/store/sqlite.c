#include "store/sqlite.h"

#include "core/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/*
 * Pages per checkpoint are the writer's own matter (wal_autocheckpoint 0), so that a commit is answered before one
 * runs. Debian builds with secure_delete on: it doubles what a purge writes, and the file is the owner's alone anyway.
 */
static const char NEW_FILE_SETUP[] = "PRAGMA page_size = 8192;"           /* a fifth less CPU a row than 4096 */
                                     "PRAGMA auto_vacuum = INCREMENTAL;"; /* on an old file it would write */
static const char WRITER_SETUP[] = "PRAGMA journal_mode = WAL;"
                                   "PRAGMA synchronous = FULL;"
                                   "PRAGMA wal_autocheckpoint = 0;"
                                   "PRAGMA journal_size_limit = 33554432;"
                                   "PRAGMA secure_delete = OFF;"
                                   "PRAGMA temp_store = MEMORY;"
                                   "PRAGMA mmap_size = 0;"
                                   "PRAGMA cache_size = -4096;";
static const char READER_SETUP[] = "PRAGMA query_only = ON;"
                                   "PRAGMA temp_store = MEMORY;"
                                   "PRAGMA mmap_size = 0;"
                                   "PRAGMA cache_size = -2048;";

/* Statistics of memory that nobody reads cost a lock at every allocation. Refused when SQLite is in use already: no
 * harm. */
static void configure(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int sqlite_create(const char *folder, const char *path, struct err *e)
{
    configure();
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? 0 : err_system(e, errno, "cannot make %s", path);
    close(fd);
    sync_folder(folder);
    return 0;
}

static int refuse_readonly(struct sqlite *c, struct err *e)
{
    if (sqlite3_db_readonly(c->db, "main") != 1)
        return 0;
    return err_set(e, ERR_STORE, SQLITE_READONLY, "%s cannot be written: check its owner and its permissions", c->path);
}

static int setup(struct sqlite *c, enum sqlite_role role, struct err *e)
{
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_timeout(c->db, SQLITE_BUSY_MS);
    if (role == SQLITE_READER) {
        /* One that closes would try for the whole file, to empty the log, and others find it locked just then. */
        sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        return sqlite_exec(c, READER_SETUP, e);
    }
    int64_t pages;
    if (refuse_readonly(c, e) != 0 || sqlite_number(c, "PRAGMA page_count", &pages, e) != 0)
        return -1;
    if (pages == 0 && sqlite_exec(c, NEW_FILE_SETUP, e) != 0)
        return -1;
    return sqlite_exec(c, WRITER_SETUP, e);
}

int sqlite_open(struct sqlite *c, enum sqlite_role role, struct err *e)
{
    int flags = SQLITE_OPEN_NOMUTEX | (role == SQLITE_WRITER ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    int rc = sqlite3_open_v2(c->path, &c->db, flags, c->vfs);
    if (rc != SQLITE_OK)
        sqlite_fail(c, rc, e);
    else if (setup(c, role, e) == 0)
        return 0;
    sqlite_close(c);
    return -1;
}

void sqlite_close(struct sqlite *c)
{
    for (sqlite3_stmt *st; c->db != NULL && (st = sqlite3_next_stmt(c->db, NULL)) != NULL;)
        sqlite3_finalize(st);
    sqlite3_close(c->db);
    c->db = NULL;
}

int sqlite_prepare(struct sqlite *c, const struct sqlite_text *texts, struct err *e)
{
    for (const struct sqlite_text *t = texts; t->sql != NULL; t++) {
        int rc = sqlite3_prepare_v3(c->db, t->sql, -1, SQLITE_PREPARE_PERSISTENT, t->to, NULL);
        if (rc != SQLITE_OK)
            return sqlite_fail(c, rc, e);
    }
    return 0;
}

int sqlite_exec(struct sqlite *c, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : sqlite_fail(c, rc, e);
}

int sqlite_number(struct sqlite *c, const char *sql, int64_t *out, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, &st, NULL);
    *out = 0;
    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        sqlite_fail(c, rc, e);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

int sqlite_run(sqlite3_stmt *st)
{
    int rc;
    errno = 0; /* SQLite does not keep what makes a COMMIT fail: sqlite_fail() looks here */
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        ;
    int reset = sqlite3_reset(st);
    return rc == SQLITE_DONE ? reset : rc;
}

void sqlite_done(sqlite3_stmt *st)
{
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
}

void sqlite_rollback(struct sqlite *c)
{
    if (c->db != NULL && !sqlite3_get_autocommit(c->db))
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
}

void sqlite_bind_bytes(sqlite3_stmt *st, int at, struct bytes v)
{
    sqlite3_bind_text64(st, at, v.len == 0 ? "" : v.data, v.len, SQLITE_STATIC, SQLITE_UTF8);
}

void sqlite_bind_bytes_or_null(sqlite3_stmt *st, int at, struct bytes v)
{
    if (v.len > 0)
        sqlite_bind_bytes(st, at, v);
    else
        sqlite3_bind_null(st, at);
}

void sqlite_bind_blob(sqlite3_stmt *st, int at, const void *data, size_t len)
{
    sqlite3_bind_blob64(st, at, len == 0 ? "" : data, len, SQLITE_STATIC);
}

void sqlite_result_text(sqlite3_context *to, struct bytes v)
{
    sqlite3_result_text64(to, v.len == 0 ? "" : v.data, v.len, SQLITE_STATIC, SQLITE_UTF8);
}

void sqlite_result_blob(sqlite3_context *to, struct bytes v)
{
    sqlite3_result_blob64(to, v.len == 0 ? "" : v.data, v.len, SQLITE_STATIC);
}

bool sqlite_own_fault(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return true;
    default:
        return false;
    }
}

bool sqlite_reopen_after(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return true;
    default:
        return false;
    }
}

static int fail_io(const struct sqlite *c, int rc, int number, struct err *e)
{
    switch (number) {
    case ENOSPC:
        return err_set(e, ERR_STORE, rc, "%s: the disk is full: free some space under %s", c->path, c->folder);
    case EDQUOT:
        return err_set(e, ERR_STORE, rc, "%s: the disk quota is used up: free some space under %s", c->path, c->folder);
    case EFBIG:
        return err_set(e, ERR_STORE, rc, "%s: it may not grow any further: raise the file size limit (ulimit -f)",
                       c->path);
    default:
        return err_set(e, ERR_STORE, rc, "%s: reading or writing failed (%s%s%s, code %d): check the disk under %s",
                       c->path, sqlite3_errstr(rc), number != 0 ? ": " : "", number != 0 ? strerror(number) : "", rc,
                       c->folder);
    }
}

int sqlite_fail(struct sqlite *c, int rc, struct err *e)
{
    int number = errno, known = c->db != NULL ? sqlite3_system_errno(c->db) : 0;
    if (known != 0)
        number = known;
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return fail_io(c, rc, ENOSPC, e);
    case SQLITE_IOERR:
        return fail_io(c, rc, number, e);
    case SQLITE_READONLY:
        return err_set(e, ERR_STORE, rc, "%s cannot be written: check its owner and its permissions", c->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(e, ERR_STORE, rc, "%s is damaged (%s): move it away, with its -wal, or restore a backup",
                       c->path, sqlite3_errstr(rc));
    case SQLITE_CANTOPEN:
        return err_set(e, ERR_STORE, rc, "%s cannot be opened%s%s: check the permissions of the file and of %s",
                       c->path, number != 0 ? ": " : "", number != 0 ? strerror(number) : "", c->folder);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ERR_STORE, rc, "%s is locked by another program (a sqlite3 shell, a backup): end it",
                       c->path);
    case SQLITE_NOMEM:
        return err_memory(e);
    default:
        return err_set(e, ERR_STORE, rc, "%s: %s (code %d)", c->path,
                       c->db != NULL ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc), rc);
    }
}
