#include "net/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 64 };

/* --- the file ------------------------------------------------------------------------------------------------- */

/* The lock of the folder is ours: a socket in it has nobody behind it. Anything else is somebody's. */
static int clear_the_way(const struct control_socket *s, const char *folder, struct err *e)
{
    struct stat found;
    if (fstatat(s->folder, CONTROL_SOCKET_NAME, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : err_system(e, errno, "cannot look at %s/" CONTROL_SOCKET_NAME, folder);
    if (!S_ISSOCK(found.st_mode))
        return err_set(e, ERR_SYSTEM, EEXIST,
                       "%s/" CONTROL_SOCKET_NAME " is in the way: found %s; expected a socket or nothing", folder,
                       S_ISDIR(found.st_mode)   ? "a folder"
                       : S_ISLNK(found.st_mode) ? "a symbolic link"
                                                : "a file");
    if (unlinkat(s->folder, CONTROL_SOCKET_NAME, 0) != 0 && errno != ENOENT)
        return err_system(e, errno, "cannot remove the old %s/" CONTROL_SOCKET_NAME, folder);
    return 0;
}

void control_socket_address(struct sockaddr_un *a, const char *folder, int folder_fd)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(a->sun_path, sizeof a->sun_path, "%s/" CONTROL_SOCKET_NAME, folder);
    if (n < 0 || (size_t)n >= sizeof a->sun_path)
        snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/" CONTROL_SOCKET_NAME, folder_fd);
}

/*
 * On Linux the file gets the mode of the socket, less the umask: set before bind() it is never wider than it shall be,
 * and no other thread's files feel a changed umask. A umask may have made it narrower than it shall be.
 */
static int bind_narrow(struct control_socket *s, const char *folder, struct err *e)
{
    struct sockaddr_un a;
    control_socket_address(&a, folder, s->folder);
    if (fchmod(s->fd, S_IRUSR | S_IWUSR) != 0)
        return err_system(e, errno, "cannot set the mode of a socket");
    if (bind(s->fd, (struct sockaddr *)&a, sizeof a) != 0)
        return err_system(e, errno, "cannot make %s/" CONTROL_SOCKET_NAME, folder);
    if (fstatat(s->folder, CONTROL_SOCKET_NAME, &s->made, AT_SYMLINK_NOFOLLOW) != 0)
        return err_system(e, errno, "cannot look at %s/" CONTROL_SOCKET_NAME, folder);
    if (fchmodat(s->folder, CONTROL_SOCKET_NAME, S_IRUSR | S_IWUSR, 0) != 0)
        return err_system(e, errno, "cannot set the mode of %s/" CONTROL_SOCKET_NAME, folder);
    return 0;
}

int control_socket_open(struct control_socket *s, const char *folder, struct err *e)
{
    *s = (struct control_socket){.fd = -1, .folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (s->folder < 0)
        return err_system(e, errno, "cannot open the state folder %s", folder);
    int rc = clear_the_way(s, folder, e);
    if (rc == 0 && (s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
        rc = err_system(e, errno, "cannot make a socket");
    if (rc == 0)
        rc = bind_narrow(s, folder, e);
    if (rc == 0 && listen(s->fd, BACKLOG) != 0)
        rc = err_system(e, errno, "cannot listen on %s/" CONTROL_SOCKET_NAME, folder);
    if (rc != 0)
        control_socket_close(s);
    return rc;
}

void control_socket_close(struct control_socket *s)
{
    struct stat found;
    bool ours = s->made.st_ino != 0 && fstatat(s->folder, CONTROL_SOCKET_NAME, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
                found.st_ino == s->made.st_ino && found.st_dev == s->made.st_dev;
    if (ours)
        (void)unlinkat(s->folder, CONTROL_SOCKET_NAME, 0);
    if (s->fd >= 0)
        close(s->fd);
    if (s->folder >= 0)
        close(s->folder);
    *s = (struct control_socket){.fd = -1, .folder = -1};
}

/* --- the other end -------------------------------------------------------------------------------------------- */

/* One that was too long stays to be read again. 0, or ENOENT: it was the last. */
static int skip_line(FILE *f)
{
    int c;
    do
        c = getc(f);
    while (c != '\n' && c != EOF);
    return c == EOF ? ENOENT : 0;
}

/* Not getpwuid_r(): it may ask a server while the loop waits, and without memory glibc's reads through a null pointer.
 */
static void name_of(unsigned uid, char out[64])
{
    char memory[4096];
    struct passwd entry, *found = NULL;
    FILE *f = fopen("/etc/passwd", "re");
    int rc = f == NULL ? ENOENT : 0;
    snprintf(out, 64, "%u", uid);
    while (rc == 0) {
        rc = fgetpwent_r(f, &entry, memory, sizeof memory, &found);
        if (rc == ERANGE)
            rc = skip_line(f);
        else if (rc == 0 && found->pw_uid == uid && strlen(found->pw_name) < 64) {
            strcpy(out, found->pw_name);
            break;
        }
    }
    if (f != NULL)
        fclose(f);
}

int control_peer_check(int fd, struct control_peer *peer, struct err *e)
{
    struct ucred who;
    socklen_t size = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
        return err_system(e, errno, "cannot tell who connects");
    *peer = (struct control_peer){.uid = who.uid, .pid = who.pid};
    if (who.uid == 0 || who.uid == geteuid()) {
        name_of(who.uid, peer->user);
        return 0;
    }
    name_of(geteuid(), peer->user);
    return err_set(e, ERR_INPUT, 403, "user %u may not attach; expected %s%s", (unsigned)who.uid, peer->user,
                   geteuid() == 0 ? "" : " or root");
}
