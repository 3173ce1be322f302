/*
 * crash: preloaded into the daemon (LD_PRELOAD), it kills it at a chosen sync of the database's journal.
 *
 * CRASH_AT=n is the n-th sync of a file whose name ends in -wal. CRASH_HOW=after: killed when that has been synced.
 * CRASH_HOW=before: it has not, and is lost as in a power cut: what was written to the journal since the sync before is
 * undone. (Debian's SQLite writes with pwrite64 and syncs with fdatasync; one thread does both.)
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
static int syncs;

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at);
int fdatasync(int fd);

static int is_journal(int fd)
{
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name);
    return n > 4 && memcmp(name + n - 4, "-wal", 4) == 0;
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

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at)
{
    ssize_t (*write_at)(int, const void *, size_t, off_t);
    *(void **)&write_at = real("pwrite64");
    if (is_journal(fd))
        remember(fd, len, at);
    return write_at(fd, data, len, at);
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

int fdatasync(int fd)
{
    int (*sync_data)(int);
    ssize_t (*write_at)(int, const void *, size_t, off_t);
    const char *n = getenv("CRASH_AT"), *how = getenv("CRASH_HOW");
    *(void **)&sync_data = real("fdatasync");
    *(void **)&write_at = real("pwrite64");
    if (!is_journal(fd))
        return sync_data(fd);
    int now = n != NULL && ++syncs == atoi(n);
    if (now && how != NULL && strcmp(how, "before") == 0) {
        lose(fd, write_at);
        die();
    }
    int rc = sync_data(fd);
    if (now)
        die();
    forget();
    return rc;
}
