#include "files.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TREE_FDS = 8 };

bool files_read(const char *path, enum files_part part, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    out[0] = '\0';
    if (fd < 0)
        return false;
    off_t len = lseek(fd, 0, SEEK_END);
    (void)lseek(fd, part == FILES_END && len >= (off_t)size ? len - (off_t)size + 1 : 0, SEEK_SET);
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s, (void)type, (void)at;
    (void)remove(path);
    return 0;
}

void files_remove(const char *folder)
{
    (void)nftw(folder, remove_one, TREE_FDS, FTW_DEPTH | FTW_PHYS);
}
