#include "net/httpd.h"

#include "core/pulse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024, CONNECTIONS_MAX = 4096, IDLE_S = 75, HELD_LOOK_MS = 5 };

/* Of one connection: its headers and the piece of a body that is being read. Twice for each request libmicrohttpd
 * wipes what it does not use of it. */
static const size_t MEMORY = 16 << 10;

/* getaddrinfo() takes names of services too, and cuts numbers to 16 bits. */
static bool port_is_right(const char *port)
{
    size_t len = strlen(port);
    return len > 0 && len <= 5 && strspn(port, "0123456789") == len && atoi(port) <= 65535;
}

static int split(const char *listen, char host[64], char port[16], struct err *e)
{
    const char *colon = strrchr(listen, ':');
    const char *from = listen, *to = colon;
    if (colon != NULL && listen[0] == '[' && colon > listen && colon[-1] == ']') {
        from++;
        to--;
    }
    size_t len = colon == NULL ? 0 : (size_t)(to - from);
    if (colon == NULL || len >= 64 || !port_is_right(colon + 1) || (from == listen && memchr(from, ':', len) != NULL))
        return err_set(e, ERR_USAGE, 0, "cannot listen on '%s': expected HOST:PORT, as in 127.0.0.1:8020 or [::1]:8020",
                       listen);
    memcpy(host, from, len);
    host[len] = '\0';
    if (len == 0)
        strcpy(host, "127.0.0.1");
    strcpy(port, colon + 1);
    return 0;
}

static int bind_to(const struct addrinfo *a)
{
    int one = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

/* A name can have several addresses, not all of them of this machine; one that is in use is not stepped around. */
static int bind_first(const struct addrinfo *a, struct err *e, const char *listen_on)
{
    int fd = -1;
    errno = 0;
    for (; a != NULL && fd < 0 && errno != EADDRINUSE; a = a->ai_next)
        fd = bind_to(a);
    if (fd < 0)
        return err_set(e, ERR_SYSTEM, errno, "cannot listen on %s: %s; choose another with --listen", listen_on,
                       strerror(errno));
    return fd;
}

static int open_socket(const char *listen_on, char host[64], struct err *e)
{
    char port[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
    if (split(listen_on, host, port, e) != 0)
        return -1;
    /* Of the two addresses of localhost the one that everybody tries. */
    int rc = getaddrinfo(strcasecmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, &hints, &found);
    if (rc != 0)
        return err_set(e, ERR_SYSTEM, 0, "cannot listen on %s: %s", listen_on, gai_strerror(rc));
    int fd = bind_first(found, e, listen_on);
    freeaddrinfo(found);
    return fd;
}

static void read_address(struct httpd *h, int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    char host[INET6_ADDRSTRLEN] = "?";
    int port = 0;
    if (getsockname(fd, (struct sockaddr *)&a, &len) == 0) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a;
        bool six = a.ss_family == AF_INET6;
        (void)inet_ntop(a.ss_family, six ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr, host,
                        sizeof host);
        port = ntohs(six ? v6->sin6_port : v4->sin_port);
    }
    snprintf(h->address, sizeof h->address, strchr(host, ':') != NULL ? "[%s]:%d" : "%s:%d", host, port);
}

/* Connections were closed. At their limit libmicrohttpd takes the listening socket out of its epoll set, and puts it
 * back only when it is run again, for which then no event may come any more. */
static bool has_fewer_connections(struct httpd *h)
{
    unsigned before = h->connections;
    h->connections = MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
    return h->connections < before;
}

/*
 * Runs once, and sees to it that it runs again when libmicrohttpd wants to. The loop has its turn in between; a timer
 * of 0 would make it sleep for libev's shortest wait, a millisecond, where an idle watcher does not.
 */
static void run(struct httpd *h)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    enum phase before = phase_enter(PHASE_HTTP);
    h->moved = false;
    (void)MHD_run(h->mhd);
    phase_leave(before);
    ev_idle_stop(h->loop, &h->soon);
    ev_timer_stop(h->loop, &h->later);
    bool fewer = has_fewer_connections(h);
    if (!fewer && MHD_get_timeout(h->mhd, &ms) != MHD_YES)
        return;
    if (ms == 0 && h->held > 0 && !h->moved && !fewer)
        ms = HELD_LOOK_MS;
    if (ms == 0) {
        ev_idle_start(h->loop, &h->soon);
        return;
    }
    ev_timer_set(&h->later, (double)ms / 1000.0, 0.);
    ev_timer_start(h->loop, &h->later);
}

static void on_ready(struct ev_loop *loop, struct ev_io *w, int events)
{
    (void)loop, (void)events;
    run(w->data);
}

static void on_soon(struct ev_loop *loop, struct ev_idle *w, int events)
{
    (void)loop, (void)events;
    run(w->data);
}

static void on_later(struct ev_loop *loop, struct ev_timer *w, int events)
{
    (void)loop, (void)events;
    run(w->data);
}

/* As many descriptors as this process may have, of which half are for connections here: the other half is for
 * deliveries and the store, whoever connects. */
static unsigned connection_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return CONNECTIONS_MAX;
    struct rlimit most = {.rlim_cur = r.rlim_max, .rlim_max = r.rlim_max};
    if (r.rlim_cur < r.rlim_max && setrlimit(RLIMIT_NOFILE, &most) == 0)
        r = most;
    return r.rlim_cur / 2 > CONNECTIONS_MAX ? CONNECTIONS_MAX : (unsigned)(r.rlim_cur / 2);
}

/* libmicrohttpd's own words go nowhere: what matters is answered or logged by us. */
static void on_words(void *ud, const char *format, va_list args)
{
    (void)ud, (void)format, (void)args;
}

/* An escaped NUL stays escaped: decoded, what stands behind it would be gone from a path, a name and a value. */
static size_t unescape(void *ud, struct MHD_Connection *connection, char *s)
{
    (void)ud, (void)connection;
    char *to = s;
    for (const char *p = s; *p != '\0'; to++) {
        int high = *p == '%' ? hex_digit(p[1]) : -1, low = high < 0 ? -1 : hex_digit(p[2]);
        bool escaped = low >= 0 && high * 16 + low != 0;
        *to = escaped ? (char)(high * 16 + low) : *p;
        p += escaped ? 3 : 1;
    }
    *to = '\0';
    return (size_t)(to - s);
}

int httpd_start(struct httpd *h, const struct httpd_options *o, struct err *e)
{
    *h = (struct httpd){.loop = o->loop};
    int fd = open_socket(o->listen, h->host, e);
    if (fd < 0)
        return -1;
    read_address(h, fd);
    errno = 0; /* only want of memory sets it to what is asked below */
    h->mhd = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, o->on_request, o->ud,
        MHD_OPTION_EXTERNAL_LOGGER, on_words, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        connection_limit(), MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_NOTIFY_COMPLETED, o->on_completed, o->ud,
        MHD_OPTION_URI_LOG_CALLBACK, o->on_target, o->ud, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_END);
    if (h->mhd == NULL) {
        bool memory = errno == ENOMEM;
        close(fd);
        if (memory)
            return err_memory(e);
        return err_set(e, ERR_SYSTEM, 0, "the HTTP server on %s does not start", o->listen);
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    ev_io_init(&h->ready, on_ready, info->epoll_fd, EV_READ);
    ev_idle_init(&h->soon, on_soon);
    ev_set_priority(&h->soon, EV_MAXPRI); /* its turn comes however busy the others are */
    ev_timer_init(&h->later, on_later, 0., 0.);
    h->ready.data = h->soon.data = h->later.data = h;
    ev_io_start(h->loop, &h->ready);
    return 0;
}

void httpd_quiesce(struct httpd *h)
{
    MHD_socket fd = MHD_quiesce_daemon(h->mhd);
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
}

void httpd_stop(struct httpd *h)
{
    ev_io_stop(h->loop, &h->ready);
    ev_idle_stop(h->loop, &h->soon);
    ev_timer_stop(h->loop, &h->later);
    MHD_stop_daemon(h->mhd);
    h->mhd = NULL;
}

void httpd_kick(struct httpd *h)
{
    ev_idle_start(h->loop, &h->soon);
}

void httpd_serve(struct httpd *h)
{
    if (ev_is_active(&h->soon))
        run(h);
}

void httpd_run(struct httpd *h)
{
    run(h);
}
