/*
 * receiver: the other end of a benchmark, made to cost as little as it can. Answers each request with 200 and an empty
 * object, on one thread, and measures what comes.
 *
 *     receiver [PORT]            prints its port on the first line; 0: any
 *     GET /figures               what came since the last time, as JSON:
 *         count, first_ns, last_ns    how many, from when to when (of the monotonic clock)
 *         p50, p99, p999, max         microseconds since the time that a body's "sent":NS says
 *         most                        in any second, however it lies
 *         late                        whose "n":N was more than 1,000 behind the highest before it
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 8192, BUFFER = 64 << 10, EVENTS = 256, SAMPLES = 4 << 20, IN_ORDER = 1000 };

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

struct connection {
    char *data;
    size_t len;
};

static struct connection connections[CONNECTIONS];
static uint64_t times_ns[SAMPLES];
static uint32_t late_us[SAMPLES];
static size_t count, late_count;
static unsigned long highest, late;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- figures ---------------------------------------------------------------------------------------------------- */

/* The number after `key`, which is quoted and with its colon; false: there is none. */
static bool find_number(const char *body, size_t len, const char *key, unsigned long *n)
{
    const char *at = memmem(body, len, key, strlen(key));
    if (at == NULL)
        return false;
    *n = strtoul(at + strlen(key), NULL, 10);
    return true;
}

static void note(const char *body, size_t len)
{
    uint64_t now = now_ns();
    unsigned long n;
    if (count == SAMPLES) {
        fputs("receiver: more came than it can hold: ask for the figures in between\n", stderr);
        exit(1);
    }
    times_ns[count++] = now;
    if (find_number(body, len, "\"sent\":", &n))
        late_us[late_count++] = (uint32_t)((now - n) / 1000);
    if (!find_number(body, len, "\"n\":", &n))
        return;
    if (n > highest)
        highest = n;
    else if (highest - n > IN_ORDER)
        late++;
}

static size_t most_in_a_second(void)
{
    size_t most = 0;
    for (size_t from = 0, to = 0; to < count; to++) {
        while (times_ns[to] - times_ns[from] >= 1000000000u)
            from++;
        if (to - from + 1 > most)
            most = to - from + 1;
    }
    return most;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static unsigned part(double of)
{
    return late_count == 0 ? 0 : late_us[(size_t)((double)(late_count - 1) * of)];
}

static int print_figures(char *out, size_t size)
{
    char body[512];
    qsort(late_us, late_count, sizeof *late_us, by_size);
    int len = snprintf(body, sizeof body,
                       "{\"count\":%zu,\"first_ns\":%llu,\"last_ns\":%llu,\"p50\":%u,\"p99\":%u,\"p999\":%u,"
                       "\"max\":%u,\"most\":%zu,\"late\":%lu}",
                       count, count > 0 ? (unsigned long long)times_ns[0] : 0,
                       count > 0 ? (unsigned long long)times_ns[count - 1] : 0, part(0.5), part(0.99), part(0.999),
                       part(1), most_in_a_second(), late);
    count = late_count = highest = late = 0;
    return snprintf(out, size, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len, body);
}

/* --- HTTP ------------------------------------------------------------------------------------------------------- */

static size_t content_length(const char *head, const char *end)
{
    static const char name[] = "\r\ncontent-length:";
    for (const char *p = head; p + sizeof name < end; p++) {
        p = memchr(p, '\r', (size_t)(end - p));
        if (p == NULL || p + sizeof name > end)
            return 0;
        if (strncasecmp(p, name, sizeof name - 1) == 0)
            return strtoul(p + sizeof name - 1, NULL, 10);
    }
    return 0;
}

/* Takes one request off the front; its length, or 0 when it is not all there yet. */
static size_t take(const char *data, size_t len, char *answer, size_t size, int *answer_len)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end + 4 - data), body = content_length(data, end + 4);
    if (len - head < body)
        return 0;
    if (strncmp(data, "GET /figures", 12) == 0) {
        *answer_len = print_figures(answer, size);
    } else {
        note(data + head, body);
        memcpy(answer, ANSWER, sizeof ANSWER - 1);
        *answer_len = sizeof ANSWER - 1;
    }
    return head + body;
}

static void end_connection(int fd)
{
    free(connections[fd].data);
    connections[fd] = (struct connection){0};
    close(fd);
}

static void serve(int fd)
{
    struct connection *c = &connections[fd];
    char answers[4096];
    ssize_t got = recv(fd, c->data + c->len, BUFFER - c->len, 0);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            end_connection(fd);
        return;
    }
    c->len += (size_t)got;
    size_t at = 0, taken;
    int len;
    while ((taken = take(c->data + at, c->len - at, answers, sizeof answers, &len)) > 0) {
        at += taken;
        if (send(fd, answers, (size_t)len, MSG_NOSIGNAL) != len) {
            end_connection(fd);
            return;
        }
    }
    c->len -= at;
    memmove(c->data, c->data + at, c->len);
    if (c->len == BUFFER)
        end_connection(fd);
}

/* --- the loop --------------------------------------------------------------------------------------------------- */

static int listen_on(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        die("receiver: listen");
    printf("%d\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_some(int listener, int poll)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        int yes = 1;
        if (fd >= CONNECTIONS || (connections[fd].data = malloc(BUFFER)) == NULL) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e) != 0)
            end_connection(fd);
    }
}

int main(int argc, char **argv)
{
    int listener = listen_on(argc > 1 ? atoi(argv[1]) : 0), poll = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e) != 0)
        die("receiver: epoll");
    for (;;) {
        int n = epoll_wait(poll, events, EVENTS, -1);
        if (n < 0 && errno != EINTR)
            die("receiver: epoll");
        for (int i = 0; i < n; i++)
            if (events[i].data.fd == listener)
                accept_some(listener, poll);
            else
                serve(events[i].data.fd);
    }
}
