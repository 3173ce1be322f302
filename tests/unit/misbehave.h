/*
 * misbehave: an HTTP receiver on loopback, a thread a connection, that does what the path of the request says: answers,
 * hangs, resets, lies about lengths. It keeps every request as it came, byte for byte.
 *
 *   /status/404           answered, connection kept
 *   /body/1000            that many bytes
 *   /chunked /trailer     chunked
 *   /interim              100, 103, then 200
 *   /repeat               repeated and folded headers
 *   /retry-after/7        429
 *   /redirect/3           307 to itself, counting down
 *   /goto?URL             302 to URL
 *   /echo                 the request as the body, its Authorization as X-Echo
 *   /heads/70 /line/120   so many KB of headers, in one line
 *   /bye                  answered keep-alive, then closed
 *   /close /reset         read whole, then FIN or RST, no answer
 *   /hang                 read whole, never answered
 *   /garbage              not HTTP
 *   /partial /partial-chunked   less body than announced
 *   /slow/20              a body byte each 20 ms, 10 of them
 *   /unasked              a second answer after 20 ms, to nothing
 *   /endless /endless-trailers /endless-interim   until nobody reads
 */
#ifndef ANZOL_TESTS_MISBEHAVE_H
#define ANZOL_TESTS_MISBEHAVE_H

#include "send_all.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MISBEHAVE_CONNECTIONS = 512, MISBEHAVE_REQUESTS = 4096 };

/* What happens to a connection before anything is read. */
enum misbehave_door { DOOR_OPEN, DOOR_CLOSED, DOOR_RESET, DOOR_MUTE };

struct misbehave;

struct misbehave_connection {
    struct misbehave *receiver;
    pthread_t thread;
    int fd; /* -1: closed */
    char *buf;
    size_t len, cap;
};

struct misbehave {
    int listener, port;
    enum misbehave_door door;
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;
    int connection_count;
    struct misbehave_connection connections[MISBEHAVE_CONNECTIONS];
    int request_count;
    struct {
        char *data; /* NUL-terminated beside its length */
        size_t len;
    } requests[MISBEHAVE_REQUESTS];
};

/* --- sending -------------------------------------------------------------------------------------------------- */

static bool misbehave_say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool misbehave_say(int fd, const char *format, ...)
{
    char text[16384];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return send_all(fd, text, (size_t)n);
}

static void misbehave_pause(int ms)
{
    usleep((useconds_t)ms * 1000);
}

static void misbehave_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* --- answers: true when the connection is kept ---------------------------------------------------------------- */

struct misbehave_request {
    int fd;
    const char *path; /* NUL-terminated, with the query */
    long number;      /* after the last slash */
    const char *data;
    size_t len;
    struct misbehave *receiver;
};

static bool answer_status(struct misbehave_request *r)
{
    bool bodiless = r->number == 204 || r->number == 304;
    return misbehave_say(r->fd, "HTTP/1.1 %ld Said\r\n%s\r\n%s", r->number, bodiless ? "" : "Content-Length: 2\r\n",
                         bodiless ? "" : "ok");
}

static bool answer_body(struct misbehave_request *r)
{
    char *body = malloc((size_t)r->number + 1);
    memset(body, 'b', (size_t)r->number);
    bool kept = misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", r->number) &&
                send_all(r->fd, body, (size_t)r->number);
    free(body);
    return kept;
}

static bool answer_chunked(struct misbehave_request *r)
{
    return misbehave_say(
        r->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n");
}

static bool answer_trailer(struct misbehave_request *r)
{
    return misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Head: 1\r\n\r\n2\r\nok\r\n0\r\n"
                                "X-Tail: 2\r\nRetry-After: 9\r\n\r\n");
}

static bool answer_interim(struct misbehave_request *r)
{
    return misbehave_say(r->fd,
                         "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                         "HTTP/1.1 200 OK\r\nX-Late: 1\r\nContent-Length: 2\r\n\r\nok");
}

static bool answer_repeat(struct misbehave_request *r)
{
    return misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nX-A: 1\r\nX-B: one\r\n  two\r\nx-a: 2\r\nX-Empty:\r\n"
                                "Content-Length: 2\r\n\r\nok");
}

static bool answer_retry_after(struct misbehave_request *r)
{
    return misbehave_say(r->fd, "HTTP/1.1 429 Slow Down\r\nRetry-After: %ld\r\nContent-Length: 0\r\n\r\n", r->number);
}

static bool answer_redirect(struct misbehave_request *r)
{
    if (r->number == 0)
        return misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nX-Last: 1\r\nContent-Length: 5\r\n\r\nthere");
    return misbehave_say(
        r->fd, "HTTP/1.1 %d Elsewhere\r\nX-Hop: %ld\r\nLocation: /redirect/%ld\r\nContent-Length: 4\r\n\r\nhere",
        r->number % 2 ? 303 : 307, r->number, r->number - 1);
}

static bool answer_goto(struct misbehave_request *r)
{
    return misbehave_say(r->fd, "HTTP/1.1 302 Elsewhere\r\nLocation: %s\r\nX-After: 1\r\nContent-Length: 0\r\n\r\n",
                         strchr(r->path, '?') + 1);
}

static bool answer_echo(struct misbehave_request *r)
{
    char value[512] = "none";
    const char *line = strcasestr(r->data, "\r\nAuthorization: ");
    if (line != NULL)
        sscanf(line + 17, "%511[^\r]", value);
    return misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nX-Echo: %s\r\nContent-Length: %zu\r\n\r\n", value, r->len) &&
           send_all(r->fd, r->data, r->len);
}

static bool answer_heads(struct misbehave_request *r)
{
    char kb[1025];
    memset(kb, 'h', 1024);
    memcpy(kb, "X-H: ", 5);
    memcpy(kb + 1022, "\r\n", 3);
    misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nX-First: 1\r\n");
    for (long i = 0; i < r->number; i++)
        send_all(r->fd, kb, 1024);
    return misbehave_say(r->fd, "Content-Length: 2\r\n\r\nok");
}

static bool answer_line(struct misbehave_request *r)
{
    char kb[1024];
    memset(kb, 'l', sizeof kb);
    misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nX-L: ");
    for (long i = 0; i < r->number; i++)
        send_all(r->fd, kb, sizeof kb);
    return misbehave_say(r->fd, "\r\nContent-Length: 2\r\n\r\nok");
}

static bool answer_endless(struct misbehave_request *r)
{
    char kb[1024];
    memset(kb, 'e', sizeof kb);
    misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    while (send_all(r->fd, kb, sizeof kb))
        ;
    return false;
}

static bool misbehave_for_ever(int fd, const char *text)
{
    while (send_all(fd, text, strlen(text)))
        ;
    return false;
}

static bool answer_endless_trailers(struct misbehave_request *r)
{
    misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n");
    return misbehave_for_ever(r->fd,
                              "X-Tail: ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt\r\n");
}

static bool answer_endless_interim(struct misbehave_request *r)
{
    return misbehave_for_ever(r->fd, "HTTP/1.1 103 Early Hints\r\nLink: </aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>\r\n\r\n");
}

static bool answer_unasked(struct misbehave_request *r)
{
    misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    misbehave_pause(20);
    misbehave_say(r->fd, "HTTP/1.1 408 Too Late\r\nContent-Length: 0\r\n\r\n");
    return true;
}

static bool answer_slow(struct misbehave_request *r)
{
    bool open = misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    for (int i = 0; open && i < 10; i++) {
        misbehave_pause((int)r->number);
        open = send_all(r->fd, "s", 1);
    }
    return open;
}

static bool answer_bye(struct misbehave_request *r)
{
    misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    return false;
}

static bool answer_close(struct misbehave_request *r)
{
    (void)r;
    return false;
}

static bool answer_reset(struct misbehave_request *r)
{
    misbehave_reset(r->fd);
    return false;
}

static bool answer_hang(struct misbehave_request *r)
{
    struct misbehave *m = r->receiver;
    pthread_mutex_lock(&m->lock);
    while (!m->stopping)
        pthread_cond_wait(&m->stop, &m->lock);
    pthread_mutex_unlock(&m->lock);
    return false;
}

static bool answer_garbage(struct misbehave_request *r)
{
    misbehave_say(r->fd, "\x16\x03 you are not expected here\r\n\r\n");
    return false;
}

static bool answer_partial(struct misbehave_request *r)
{
    misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    return false;
}

static bool answer_partial_chunked(struct misbehave_request *r)
{
    misbehave_say(r->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, w");
    return false;
}

static const struct {
    const char *prefix;
    bool (*answer)(struct misbehave_request *r);
} misbehave_paths[] = {
    {"/status/", answer_status},
    {"/body/", answer_body},
    {"/chunked", answer_chunked},
    {"/trailer", answer_trailer},
    {"/interim", answer_interim},
    {"/repeat", answer_repeat},
    {"/retry-after/", answer_retry_after},
    {"/redirect/", answer_redirect},
    {"/goto", answer_goto},
    {"/echo", answer_echo},
    {"/heads/", answer_heads},
    {"/line/", answer_line},
    {"/endless-trailers", answer_endless_trailers},
    {"/endless-interim", answer_endless_interim},
    {"/endless", answer_endless},
    {"/slow/", answer_slow},
    {"/unasked", answer_unasked},
    {"/bye", answer_bye},
    {"/close", answer_close},
    {"/reset", answer_reset},
    {"/hang", answer_hang},
    {"/garbage", answer_garbage},
    {"/partial-chunked", answer_partial_chunked},
    {"/partial", answer_partial},
};

static bool misbehave_answer(struct misbehave_connection *c, const char *data, size_t len)
{
    char path[2048] = "/";
    sscanf(data, "%*s %2047s", path);
    size_t path_len = strcspn(path, "?");
    const char *slash = memrchr(path, '/', path_len);
    struct misbehave_request r = {.fd = c->fd,
                                  .path = path,
                                  .data = data,
                                  .len = len,
                                  .receiver = c->receiver,
                                  .number = slash ? atol(slash + 1) : 0};
    for (size_t i = 0; i < sizeof misbehave_paths / sizeof *misbehave_paths; i++)
        if (strncmp(path, misbehave_paths[i].prefix, strlen(misbehave_paths[i].prefix)) == 0)
            return misbehave_paths[i].answer(&r);
    r.number = 200;
    return answer_status(&r);
}

/* --- connections ---------------------------------------------------------------------------------------------- */

static bool misbehave_read(struct misbehave_connection *c)
{
    if (c->cap - c->len < 65536) {
        c->cap = c->cap * 2 + 131072;
        c->buf = realloc(c->buf, c->cap + 1);
    }
    ssize_t n = recv(c->fd, c->buf + c->len, c->cap - c->len, 0);
    if (n <= 0)
        return false;
    c->len += (size_t)n;
    c->buf[c->len] = '\0';
    return true;
}

/* The length of the request at the start of the buffer; 0: it ended before. */
static size_t misbehave_request_length(struct misbehave_connection *c)
{
    char *end;
    while (c->len == 0 || (end = memmem(c->buf, c->len, "\r\n\r\n", 4)) == NULL)
        if (!misbehave_read(c))
            return 0;
    size_t need = (size_t)(end - c->buf) + 4;
    const char *length = strcasestr(c->buf, "\r\nContent-Length: ");
    if (length != NULL && length < end)
        need += (size_t)atol(length + 18);
    while (c->len < need)
        if (!misbehave_read(c))
            return 0;
    return need;
}

static char *misbehave_keep(struct misbehave *m, const char *data, size_t len)
{
    char *copy = malloc(len + 1);
    memcpy(copy, data, len);
    copy[len] = '\0';
    pthread_mutex_lock(&m->lock);
    if (m->request_count < MISBEHAVE_REQUESTS) {
        m->requests[m->request_count].data = copy;
        m->requests[m->request_count++].len = len;
    } else
        abort();
    pthread_mutex_unlock(&m->lock);
    return copy;
}

static void misbehave_serve(struct misbehave_connection *c)
{
    for (size_t len; (len = misbehave_request_length(c)) > 0;) {
        char *data = misbehave_keep(c->receiver, c->buf, len);
        memmove(c->buf, c->buf + len, c->len - len + 1);
        c->len -= len;
        if (!misbehave_answer(c, data, len))
            return;
    }
}

/* A reset that comes before the client has looked at its connect() would be a connection that failed. */
static void misbehave_await_first_byte(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    (void)poll(&p, 1, 10000);
}

static void *misbehave_connection(void *ud)
{
    struct misbehave_connection *c = ud;
    struct misbehave *m = c->receiver;
    struct misbehave_request nobody = {.receiver = m, .fd = c->fd};
    if (m->door == DOOR_OPEN)
        misbehave_serve(c);
    else if (m->door == DOOR_MUTE)
        answer_hang(&nobody);
    else if (m->door == DOOR_RESET) {
        misbehave_await_first_byte(c->fd);
        misbehave_reset(c->fd);
    }
    pthread_mutex_lock(&m->lock);
    close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&m->lock);
    free(c->buf);
    return NULL;
}

static void *misbehave_accept(void *ud)
{
    struct misbehave *m = ud;
    for (int fd; (fd = accept(m->listener, NULL, NULL)) >= 0;) {
        pthread_mutex_lock(&m->lock);
        if (m->stopping || m->connection_count == MISBEHAVE_CONNECTIONS)
            abort();
        struct misbehave_connection *c = &m->connections[m->connection_count++];
        *c = (struct misbehave_connection){.receiver = m, .fd = fd};
        pthread_create(&c->thread, NULL, misbehave_connection, c);
        pthread_mutex_unlock(&m->lock);
    }
    return NULL;
}

/* A listener on a free port of 127.0.0.1. */
static int misbehave_listen(int backlog, int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, backlog) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        abort();
    *port = ntohs(a.sin_port);
    return fd;
}

static struct misbehave *misbehave_start(enum misbehave_door door)
{
    struct misbehave *m = calloc(1, sizeof *m);
    m->door = door;
    m->listener = misbehave_listen(512, &m->port);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->stop, NULL);
    pthread_create(&m->acceptor, NULL, misbehave_accept, m);
    return m;
}

/* Those who are connected stay; nobody else comes in. */
static inline void misbehave_refuse(struct misbehave *m)
{
    shutdown(m->listener, SHUT_RDWR);
}

static void misbehave_stop(struct misbehave *m)
{
    shutdown(m->listener, SHUT_RDWR);
    pthread_join(m->acceptor, NULL);
    close(m->listener);
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_cond_broadcast(&m->stop);
    for (int i = 0; i < m->connection_count; i++)
        if (m->connections[i].fd >= 0)
            shutdown(m->connections[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&m->lock);
    for (int i = 0; i < m->connection_count; i++)
        pthread_join(m->connections[i].thread, NULL);
    for (int i = 0; i < m->request_count; i++)
        free(m->requests[i].data);
    pthread_cond_destroy(&m->stop);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* How many connections were accepted, and requests read whole. */
static inline int misbehave_connections(struct misbehave *m)
{
    pthread_mutex_lock(&m->lock);
    int n = m->connection_count;
    pthread_mutex_unlock(&m->lock);
    return n;
}

static inline int misbehave_requests(struct misbehave *m)
{
    pthread_mutex_lock(&m->lock);
    int n = m->request_count;
    pthread_mutex_unlock(&m->lock);
    return n;
}

/* The text of one; stays valid until the receiver stops. */
static inline const char *misbehave_request(struct misbehave *m, int i)
{
    pthread_mutex_lock(&m->lock);
    const char *data = i < m->request_count ? m->requests[i].data : "";
    pthread_mutex_unlock(&m->lock);
    return data;
}

/* How many requests have `needle` in them. */
static inline int misbehave_copies(struct misbehave *m, const char *needle)
{
    int n = 0;
    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < m->request_count; i++)
        n += strstr(m->requests[i].data, needle) != NULL;
    pthread_mutex_unlock(&m->lock);
    return n;
}

#endif
