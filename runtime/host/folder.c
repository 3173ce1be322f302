#include "host/folder.h"

#include "core/sync.h"
#include "host/env.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

int folder_make(const char *path, struct err *e)
{
    struct stat s;
    if (mkdir(path, 0700) == 0) {
        sync_parent(path);
        return 0;
    }
    if (errno != EEXIST || stat(path, &s) != 0)
        return err_system(e, errno, "cannot make the state folder %s", path);
    if ((s.st_mode & S_IWOTH) == 0)
        return 0;
    /* They could put a token of theirs in the place of ours. */
    return err_set(e, ERR_USAGE, 0,
                   "every user of this machine may write in the state folder %s (mode %04o): name another with "
                   "--state, or: chmod o-w %s",
                   path, s.st_mode & 07777, path);
}

static int file_in(char out[PATH_SIZE], const char *path, const char *name, struct err *e)
{
    int n = snprintf(out, PATH_SIZE, "%s/%s", path, name);
    return n > 0 && n < PATH_SIZE ? 0 : err_set(e, ERR_USAGE, 0, "the state folder's name is too long");
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Written beside and renamed, so that a reader sees the old or the new, never a part; who finds it after a power cut
 * too, of a file that is to last. */
static int write_file(const char *path, const char *name, const char *text, bool lasting, struct err *e)
{
    char file[PATH_SIZE], beside[PATH_SIZE];
    if (file_in(file, path, name, e) != 0)
        return -1;
    int n = snprintf(beside, sizeof beside, "%s.new", file);
    if (n < 0 || (size_t)n >= sizeof beside)
        return err_set(e, ERR_USAGE, 0, "the state folder's name is too long");
    (void)unlink(beside); /* what a crash left */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_system(e, errno, "cannot write %s", beside);
    int rc = write_all(fd, text, strlen(text));
    if (rc == 0 && lasting)
        rc = fsync(fd);
    int number = errno;
    if (close(fd) != 0 && rc == 0) {
        rc = -1;
        number = errno;
    }
    if (rc == 0 && rename(beside, file) != 0) {
        rc = -1;
        number = errno;
    }
    return rc == 0 ? 0 : err_system(e, number, "cannot write %s", file);
}

static int make_token(const char *path, char token[FOLDER_TOKEN_SIZE], struct err *e)
{
    unsigned char random[(FOLDER_TOKEN_SIZE - 1) / 2];
    env_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(token + 2 * i, 3, "%02x", random[i]);
    int rc = write_file(path, "token", token, true, e);
    if (rc == 0)
        sync_folder(path); /* from now on people are given it */
    return rc;
}

/* A token of the user's own is as good when it is long enough and can stand in a header. */
static bool usable(const char *token)
{
    for (const char *p = token; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && strchr("-._~+/=", *p) == NULL)
            return false;
    return strlen(token) >= 16;
}

int folder_token(const char *path, char token[FOLDER_TOKEN_SIZE], struct err *e)
{
    char file[PATH_SIZE];
    if (file_in(file, path, "token", e) != 0)
        return -1;
    FILE *f = fopen(file, "re");
    if (f == NULL && errno == ENOENT)
        return make_token(path, token, e);
    if (f == NULL)
        return err_system(e, errno, "cannot read %s", file);
    struct stat s;
    bool known = fstat(fileno(f), &s) == 0;
    bool read = known && fgets(token, FOLDER_TOKEN_SIZE, f) != NULL;
    fclose(f);
    if (known && (s.st_mode & (S_IWGRP | S_IRWXO)) != 0)
        return err_set(e, ERR_USAGE, 0, "other users may reach the token in %s (mode %04o): chmod 600 %s", file,
                       s.st_mode & 07777, file);
    if (read)
        token[strcspn(token, "\r\n")] = '\0';
    if (!read || !usable(token))
        return err_set(e, ERR_USAGE, 0,
                       "%s holds no usable token: expected one line of 16 to 64 letters, digits and -._~+/=; remove "
                       "the file and one is made",
                       file);
    return 0;
}

int folder_write_address(const char *path, const char *address, struct err *e)
{
    return write_file(path, "address", address, false, e); /* after a power cut nobody listens there */
}

void folder_remove_address(const char *path)
{
    char file[PATH_SIZE];
    if (file_in(file, path, "address", NULL) == 0)
        (void)unlink(file);
}
