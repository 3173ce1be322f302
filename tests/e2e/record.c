/*
 * record: preloaded into the daemon (LD_PRELOAD), it writes down what is done to the files of one folder: RECORD_DIR, a
 * path as the kernel has it, into the file RECORD. Each entry is appended in one write once the operation itself is
 * done, so what was acknowledged when the record was that long needs no later one.
 *
 * An entry is a letter, the file's inode, an offset, a length, and so many bytes:
 *     C  made, its name            W  written            T  cut to the offset       S  synced
 *     U  its name removed          R  renamed, the old name, 0, the new one         D  the folder synced
 * Left out is what a start makes anew: the shared memory of SQLite, the lock, the address.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NAME_MAX_LEN = 4096 };

struct __attribute__((packed)) entry {
    char what;
    uint64_t inode, at;
    uint32_t len;
};

static const char *folder;
static size_t folder_len;
static int record = -1;

int open64(const char *path, int flags, ...);
ssize_t pwrite64(int fd, const void *data, size_t len, off_t at);
int ftruncate64(int fd, off_t size);

static void *real(const char *name)
{
    void *f = dlsym(RTLD_NEXT, name);
    if (f == NULL)
        abort();
    return f;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("RECORD");
    int (*open_file)(const char *, int, ...);
    *(void **)&open_file = real("open");
    folder = getenv("RECORD_DIR");
    if (folder == NULL || path == NULL)
        return;
    folder_len = strlen(folder);
    record = open_file(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (record < 0)
        abort();
}

static void note(char what, uint64_t inode, off_t at, const void *data, size_t len)
{
    struct entry e = {.what = what, .inode = inode, .at = (uint64_t)at, .len = (uint32_t)len};
    struct iovec parts[] = {{&e, sizeof e}, {(void *)(uintptr_t)data, len}};
    int number = errno;
    if (writev(record, parts, 2) != (ssize_t)(sizeof e + len))
        abort();
    errno = number;
}

/* The part after the folder of a path in it that matters, or NULL. */
static const char *name_in(const char *path)
{
    size_t len = strlen(path);
    if (record < 0 || len <= folder_len + 1 || memcmp(path, folder, folder_len) != 0 || path[folder_len] != '/')
        return NULL;
    const char *name = path + folder_len + 1;
    if (strcmp(name, "lock") == 0 || strncmp(name, "address", 7) == 0 || strcmp(path + len - 4, "-shm") == 0)
        return NULL;
    return name;
}

static int path_of(int fd, char path[NAME_MAX_LEN])
{
    char link[64];
    int number = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, NAME_MAX_LEN - 1);
    errno = number;
    if (n < 0)
        return -1;
    path[n] = '\0';
    return 0;
}

/* The inode of a file of the folder; 0: it is none. */
static uint64_t inode_of(int fd)
{
    char path[NAME_MAX_LEN];
    struct stat s;
    if (record < 0 || fd == record || path_of(fd, path) != 0 || name_in(path) == NULL || fstat(fd, &s) != 0)
        return 0;
    return s.st_ino;
}

static int is_folder(int fd)
{
    char path[NAME_MAX_LEN];
    return record >= 0 && path_of(fd, path) == 0 && strcmp(path, folder) == 0;
}

static int open_as(const char *function, const char *path, int flags, mode_t mode)
{
    int (*open_file)(const char *, int, ...);
    struct stat s;
    *(void **)&open_file = real(function);
    const char *name = (flags & O_CREAT) != 0 ? name_in(path) : NULL;
    int is_new = name != NULL && stat(path, &s) != 0;
    int fd = open_file(path, flags, mode);
    if (fd >= 0 && is_new && fstat(fd, &s) == 0)
        note('C', s.st_ino, 0, name, strlen(name));
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_as("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_as("open64", path, flags, mode);
}

ssize_t write(int fd, const void *data, size_t len)
{
    ssize_t (*write_on)(int, const void *, size_t);
    *(void **)&write_on = real("write");
    uint64_t inode = inode_of(fd);
    ssize_t n = write_on(fd, data, len);
    if (inode != 0 && n > 0)
        note('W', inode, lseek(fd, 0, SEEK_CUR) - n, data, (size_t)n);
    return n;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at)
{
    ssize_t (*write_at)(int, const void *, size_t, off_t);
    *(void **)&write_at = real("pwrite64");
    uint64_t inode = inode_of(fd);
    ssize_t n = write_at(fd, data, len, at);
    if (inode != 0 && n > 0)
        note('W', inode, at, data, (size_t)n);
    return n;
}

static int cut(const char *function, int fd, off_t size)
{
    int (*cut_to)(int, off_t);
    *(void **)&cut_to = real(function);
    uint64_t inode = inode_of(fd);
    int rc = cut_to(fd, size);
    if (inode != 0 && rc == 0)
        note('T', inode, size, NULL, 0);
    return rc;
}

int ftruncate(int fd, off_t size)
{
    return cut("ftruncate", fd, size);
}

int ftruncate64(int fd, off_t size)
{
    return cut("ftruncate64", fd, size);
}

static int sync_as(const char *function, int fd)
{
    int (*sync_file)(int);
    *(void **)&sync_file = real(function);
    uint64_t inode = inode_of(fd);
    int rc = sync_file(fd);
    if (rc != 0)
        return rc;
    if (inode != 0)
        note('S', inode, 0, NULL, 0);
    else if (is_folder(fd))
        note('D', 0, 0, NULL, 0);
    return rc;
}

int fsync(int fd)
{
    return sync_as("fsync", fd);
}

int fdatasync(int fd)
{
    return sync_as("fdatasync", fd);
}

int unlink(const char *path)
{
    int (*remove_name)(const char *);
    *(void **)&remove_name = real("unlink");
    const char *name = name_in(path);
    int rc = remove_name(path);
    if (name != NULL && rc == 0)
        note('U', 0, 0, name, strlen(name));
    return rc;
}

int rename(const char *from, const char *to)
{
    int (*rename_to)(const char *, const char *);
    char both[2 * NAME_MAX_LEN];
    *(void **)&rename_to = real("rename");
    const char *old = name_in(from), *new = name_in(to);
    int rc = rename_to(from, to);
    if (old != NULL && new != NULL && rc == 0) {
        int n = snprintf(both, sizeof both, "%s%c%s", old, 0, new);
        note('R', 0, 0, both, (size_t)n);
    }
    return rc;
}
