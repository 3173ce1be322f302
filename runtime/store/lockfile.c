#include "store/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int fail_open(const char *folder, int number, struct err *e)
{
    switch (number) {
    case ENOENT:
        return err_set(e, ERR_STORE, 0, "the state folder %s does not exist: make it, or name another with --state",
                       folder);
    case ENOTDIR:
        return err_set(e, ERR_STORE, 0, "%s is not a folder: name one with --state", folder);
    case EACCES:
    case EPERM:
    case EROFS:
        return err_system(e, number, "the state folder %s cannot be written", folder);
    default:
        return err_system(e, number, "cannot open %s/lock", folder);
    }
}

/* Who holds it, for the message alone. */
static long holder(int fd)
{
    char text[24] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

/* The whole file. Of the open file description, not of the process: fcntl(2). */
static struct flock whole(short type)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

static int lock(int fd, const char *folder, struct err *e)
{
    struct flock all = whole(F_WRLCK);
    if (fcntl(fd, F_OFD_SETLK, &all) == 0)
        return 0;
    if (errno != EAGAIN && errno != EACCES)
        return err_system(e, errno, "cannot lock %s/lock", folder);
    return err_set(e, ERR_STORE, 0,
                   "%s: another anzol runs in this folder (process %ld): end it, or name another folder "
                   "with --state",
                   folder, holder(fd));
}

static int path_in(const char *folder, char path[PATH_MAX])
{
    int n = snprintf(path, PATH_MAX, "%s/lock", folder);
    return n < 0 || n >= PATH_MAX ? -1 : 0;
}

int lockfile_take(const char *folder, struct err *e)
{
    char path[PATH_MAX];
    if (path_in(folder, path) != 0)
        return fail_open(folder, ENAMETOOLONG, e);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_open(folder, errno, e);
    if (lock(fd, folder, e) != 0) {
        close(fd);
        return -1;
    }
    if (ftruncate(fd, 0) == 0) /* on a full disk the name of the holder is missing, no more */
        (void)!dprintf(fd, "%ld\n", (long)getpid());
    return fd;
}

bool lockfile_is_free(const char *folder)
{
    char path[PATH_MAX];
    if (path_in(folder, path) != 0)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    struct flock all = whole(F_RDLCK);
    bool is_free = fcntl(fd, F_OFD_GETLK, &all) == 0 && all.l_type == F_UNLCK;
    close(fd);
    return is_free;
}
