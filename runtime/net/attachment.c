#include "net/attachment.h"

#include "net/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { CHUNK = 65536, SEND_TIMEOUT_S = 10 };

/* --- connecting ------------------------------------------------------------------------------------------------ */

static int fail_open(const char *state, int number, struct err *e)
{
    if (number == ENOENT || number == ECONNREFUSED)
        return err_set(e, ERR_NET, 0, "the daemon of the state folder %s does not listen: it starts, or stops", state);
    return err_system(e, number, "cannot connect to %s/" CONTROL_SOCKET_NAME, state);
}

/* 0, or an errno. */
static int connect_to(int fd, const char *state)
{
    struct sockaddr_un address;
    const struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
    int number = 0, folder = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return errno;
    control_socket_address(&address, state, folder);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        number = errno;
    close(folder);
    return number;
}

int attachment_open(struct attachment *c, const char *state, struct err *e)
{
    *c = (struct attachment){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    buf_init(&c->in);
    if (c->fd < 0)
        return err_system(e, errno, "cannot make a socket");
    int number = connect_to(c->fd, state);
    if (number == 0)
        return 0;
    attachment_close(c);
    return fail_open(state, number, e);
}

void attachment_close(struct attachment *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_fini(&c->in);
}

/* --- lines out ------------------------------------------------------------------------------------------------- */

static int fail_send(int number, struct err *e)
{
    if (number == EPIPE || number == ECONNRESET)
        return err_set(e, ERR_NET, 0, "the daemon has ended");
    if (number == EAGAIN || number == EWOULDBLOCK)
        return err_set(e, ERR_NET, 0, "the daemon takes nothing for %d s", SEND_TIMEOUT_S);
    return err_system(e, number, "cannot send to the daemon");
}

static int send_all(int fd, struct bytes rest, struct err *e)
{
    while (rest.len > 0) {
        ssize_t n = send(fd, rest.data, rest.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_send(errno, e);
        rest = (struct bytes){rest.data + n, rest.len - (size_t)n};
    }
    return 0;
}

int attachment_send(struct attachment *c, struct bytes line, struct err *e)
{
    static const struct bytes line_break = {"\n", 1};
    if (line.len > CONTROL_LINE_MAX)
        return err_set(e, ERR_INPUT, 0, "the code is too long: the daemon takes 1 MiB");
    return send_all(c->fd, line, e) == 0 ? send_all(c->fd, line_break, e) : -1;
}

/* --- lines in -------------------------------------------------------------------------------------------------- */

static void forget_taken(struct attachment *c)
{
    buf_drop(&c->in, c->taken);
    c->taken = 0;
}

int attachment_receive(struct attachment *c, struct err *e)
{
    forget_taken(c);
    if (buf_reserve(&c->in, CHUNK) != 0)
        return err_memory(e);
    ssize_t n = recv(c->fd, c->in.data + c->in.len, CHUNK, MSG_DONTWAIT);
    if (n > 0)
        c->in.len += (size_t)n;
    else if (n == 0 || errno == ECONNRESET)
        c->ended = true;
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        return err_system(e, errno, "cannot read from the daemon");
    return 0;
}

int attachment_next(struct attachment *c, struct bytes *line, struct err *e)
{
    struct bytes rest = buf_view(&c->in);
    if (c->taken > 0)
        rest = (struct bytes){rest.data + c->taken, rest.len - c->taken};
    if (bytes_next_whole_line(&rest, line)) {
        c->taken = c->in.len - rest.len;
        return 1;
    }
    if (c->ended)
        return err_set(e, ERR_NET, 0, "the daemon has ended");
    if (rest.len > CONTROL_LINE_MAX)
        return err_set(e, ERR_SYSTEM, 0, "the daemon sends a line over 1 MiB long");
    return 0;
}
