/*
 * crash: preloaded into the daemon (LD_PRELOAD), it kills it at a chosen sync of the database's journal, or in the
 * middle of a checkpoint.
 *
 * CRASH_AT=n is the n-th sync of a file whose name ends in -wal. CRASH_HOW=after: killed when that has been synced.
 * CRASH_HOW=before: it has not, and is lost as in a power cut: what was written to the journal since the sync before is
 * undone. CRASH_HOW=checkpoint: killed after the n-th write to the database itself. (Debian's SQLite writes with
 * pwrite64 and syncs with fdatasync; one thread does both.)
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct undo { /* what stood where the journal was written since its last sync */
    off_t at, size;
    size_t len;
    char *old;
};

static struct undo *undos;
static size_t undo_count;
static int events; /* those that CRASH_AT counts */

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at);
int fdatasync(int fd);

static int ends_in(int fd, const char *end)
{
    char link[64], name[4096];
    size_t len = strlen(end);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name);
    return n > (ssize_t)len && memcmp(name + n - len, end, len) == 0;
}

static int is_journal(int fd)
{
    return ends_in(fd, "-wal");
}

static void forget(void)
{
    for (size_t i = 0; i < undo_count; i++)
        free(undos[i].old);
    undo_count = 0;
}

static void remember(int fd, size_t len, off_t at)
{
    struct stat s;
    struct undo u = {.at = at, .old = malloc(len + 1)};
    struct undo *more = realloc(undos, (undo_count + 1) * sizeof *undos);
    if (u.old == NULL || more == NULL || fstat(fd, &s) != 0)
        abort();
    ssize_t n = pread(fd, u.old, len, at);
    u.len = n > 0 ? (size_t)n : 0;
    u.size = s.st_size;
    undos = more;
    undos[undo_count++] = u;
}

static void lose(int fd, ssize_t (*write_at)(int, const void *, size_t, off_t))
{
    while (undo_count > 0) {
        struct undo *u = &undos[--undo_count];
        if (write_at(fd, u->old, u->len, u->at) != (ssize_t)u->len || ftruncate(fd, u->size) != 0)
            abort();
    }
}

static void *real(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);
    if (f == NULL)
        abort();
    return f;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static int is_how(const char *name)
{
    const char *how = getenv("CRASH_HOW");
    return how != NULL && strcmp(how, name) == 0;
}

/* Counts one; whether it is the one to die at. */
static int is_now(void)
{
    const char *n = getenv("CRASH_AT");
    return n != NULL && ++events == atoi(n);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at)
{
    ssize_t (*write_at)(int, const void *, size_t, off_t);
    *(void **)&write_at = real("pwrite64");
    if (is_journal(fd))
        remember(fd, len, at);
    ssize_t n = write_at(fd, data, len, at);
    if (is_how("checkpoint") && ends_in(fd, ".db") && is_now())
        die();
    return n;
}

int fdatasync(int fd)
{
    int (*sync_data)(int);
    ssize_t (*write_at)(int, const void *, size_t, off_t);
    *(void **)&sync_data = real("fdatasync");
    *(void **)&write_at = real("pwrite64");
    if (!is_journal(fd))
        return sync_data(fd);
    int now = !is_how("checkpoint") && is_now();
    if (now && is_how("before")) {
        lose(fd, write_at);
        die();
    }
    int rc = sync_data(fd);
    if (now)
        die();
    forget();
    return rc;
}
