#include "core/outlet.h"

#include "core/units.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SPARE_MAX = 1 << 17, NAP_MS = 10 };

/* --- its beginning and its end ------------------------------------------------------------------------------------ */

/* By the descriptor: its name may be that of another, in a container or after a change of root. */
static int open_anew(int fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void outlet_init(struct outlet *o, int fd)
{
    struct stat s;
    *o = (struct outlet){.fd = fd, .piece = PIPE_BUF};
    buf_init(&o->left);
    pthread_mutex_init(&o->mutex, NULL);
    if (fd < 0 || fstat(fd, &s) != 0)
        return;
    o->socket = S_ISSOCK(s.st_mode);
    if (S_ISREG(s.st_mode))
        o->piece = SIZE_MAX;
    if (S_ISCHR(s.st_mode) && isatty(fd) == 1) {
        o->terminal = open_anew(fd);
        o->anew = o->terminal >= 0;
        o->piece = o->anew ? PIPE_BUF : 1;
    }
}

static void close_terminal(struct outlet *o)
{
    if (o->anew)
        close(o->terminal);
    o->anew = false;
}

void outlet_fini(struct outlet *o)
{
    close_terminal(o);
    buf_fini(&o->left);
    pthread_mutex_destroy(&o->mutex);
}

void outlet_be_patient(struct outlet *o)
{
    close_terminal(o);
    o->piece = SIZE_MAX;
    o->socket = false;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* Whole lines, as many as one write may have; of a line that is longer, a part. */
static size_t next_piece(const struct outlet *o, struct bytes s)
{
    if (s.len <= o->piece)
        return s.len;
    const char *last = memrchr(s.data, '\n', o->piece);
    return last == NULL ? o->piece : (size_t)(last - s.data) + 1;
}

/* 1: it takes a piece; 0: not now; -1: never. */
static int asked(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int n = poll(&p, 1, 0);
    if (n <= 0)
        return fd < 0 ? -1 : 0;
    return (p.revents & POLLOUT) != 0 ? 1 : -1;
}

/* The length written; 0: not now; -1: it fails. */
static ssize_t write_piece(const struct outlet *o, struct bytes s)
{
    int fd = o->anew ? o->terminal : o->fd;
    size_t len = next_piece(o, s);
    int ready = o->piece == SIZE_MAX ? 1 : asked(fd);
    ssize_t n;
    if (ready <= 0)
        return ready;
    do
        n = o->socket ? send(fd, s.data, len, MSG_DONTWAIT | MSG_NOSIGNAL) : write(fd, s.data, len);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    return n > 0 ? n : -1;
}

/* But for the rest of a line that is half written: without it the next would be spoiled. */
static size_t drop_left(struct outlet *o)
{
    struct bytes rest = buf_view(&o->left), line;
    size_t dropped = 0;
    if (o->begun)
        (void)bytes_next_whole_line(&rest, &line);
    o->left.len -= rest.len;
    while (bytes_next_whole_line(&rest, &line))
        dropped++;
    o->gap = false;
    return dropped;
}

static void note_empty(struct outlet *o)
{
    o->gap = false;
    if (o->left.cap > SPARE_MAX)
        buf_fini(&o->left);
}

static size_t push(struct outlet *o)
{
    struct bytes s = buf_view(&o->left);
    ssize_t n = 0;
    if (s.len == 0)
        return 0;
    while (s.len > 0 && (n = write_piece(o, s)) > 0) {
        o->begun = s.data[n - 1] != '\n';
        s = (struct bytes){s.data + n, s.len - (size_t)n};
    }
    buf_drop(&o->left, o->left.len - s.len);
    o->failed = n < 0;
    if (o->failed)
        return drop_left(o);
    if (s.len == 0)
        note_empty(o);
    return 0;
}

static bool keep(struct outlet *o, const char *line, size_t len)
{
    if (o->failed || o->gap || o->left.len + len > OUTLET_LEFT_MAX)
        return false;
    if (buf_append(&o->left, line, len) == 0)
        return true;
    o->left.failed = false;
    return false;
}

/* Those that fit behind what is left. Returns how many did not. */
static size_t take(struct outlet *o, struct buf *lines)
{
    struct bytes rest = buf_view(lines), line;
    size_t dropped = 0;
    while (bytes_next_whole_line(&rest, &line))
        if (!keep(o, line.data, line.len + 1)) {
            o->gap = true;
            dropped++;
        }
    buf_clear(lines);
    return dropped;
}

static void swap(struct buf *a, struct buf *b)
{
    struct buf one = *a;
    *a = *b;
    *b = one;
}

static size_t put(struct outlet *o, struct buf *lines)
{
    if (o->left.len > 0)
        return take(o, lines);
    swap(&o->left, lines);
    return 0;
}

size_t outlet_write(struct outlet *o, struct buf *lines)
{
    pthread_mutex_lock(&o->mutex);
    size_t dropped = put(o, lines);
    dropped += push(o);
    pthread_mutex_unlock(&o->mutex);
    return dropped;
}

size_t outlet_push(struct outlet *o)
{
    pthread_mutex_lock(&o->mutex);
    size_t dropped = push(o);
    pthread_mutex_unlock(&o->mutex);
    return dropped;
}

void outlet_offer(struct outlet *o, struct buf *lines)
{
    if (pthread_mutex_trylock(&o->mutex) != 0)
        return;
    if (!o->failed && !o->gap && o->left.len + lines->len <= OUTLET_LEFT_MAX) {
        (void)put(o, lines);
        (void)push(o);
    }
    pthread_mutex_unlock(&o->mutex);
}

static int64_t mono_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Naps, for poll(2) may say at once that a terminal is writable when it is not for us. */
size_t outlet_drain(struct outlet *o, int64_t within_ns)
{
    int64_t until = mono_ns() + within_ns;
    size_t dropped = outlet_push(o);
    while (outlet_state(o) == OUTLET_LEFT && mono_ns() < until) {
        (void)poll(NULL, 0, NAP_MS);
        dropped += outlet_push(o);
    }
    pthread_mutex_lock(&o->mutex);
    dropped += drop_left(o);
    pthread_mutex_unlock(&o->mutex);
    return dropped;
}

enum outlet_state outlet_state(struct outlet *o)
{
    pthread_mutex_lock(&o->mutex);
    enum outlet_state s = o->failed ? OUTLET_FAILED : o->left.len > 0 ? OUTLET_LEFT : OUTLET_EMPTY;
    pthread_mutex_unlock(&o->mutex);
    return s;
}
