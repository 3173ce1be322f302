/*
 * load: sends events to anzol, on one thread, as cheaply as it can.
 *
 *     load batch URL TOKEN count=100000 lines=500 connections=2     one request after another on each connection
 *     load paced URL TOKEN rate=1000 seconds=10 connections=64      each event at its time, whatever became of the
 * others
 *
 * With one line a request it is the JSON of an event, with more they are NDJSON. An event is
 * {"name":"benchI","data":{"n":N,"sent":NS,"pad":"x…"}}: I is event=0 + N modulo names=1, N counts from first=0, NS is
 * the monotonic clock's time at which it was to be sent, pad=116 is the length of the padding. Prints how many were
 * acknowledged, in which time, and how long acknowledgements took (p50, p99, p99.9 in microseconds), as JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS = 4096,
    ANSWER = 64 << 10,
    EVENTS = 256,
    PAD_MAX = 64 << 10,
    EVENT_MAX = 160 /* without the padding */
};

struct connection {
    int fd;
    char *request; /* what is being sent */
    size_t len, at;
    uint64_t sent_ns;
    size_t lines; /* in it */
    char answer[1024];
    size_t answer_len;
    size_t answer_left; /* of its body */
    bool busy;
    struct connection *next; /* idle */
};

static struct options {
    bool paced;
    const char *token;
    long count, rate, seconds, lines, connections, pad, names, first, event;
} o = {.count = 100000, .rate = 1000, .seconds = 10, .lines = 1, .connections = 64, .pad = 116, .names = 1};
static struct connection connections[CONNECTIONS], *idle;
static int poll_fd;
static long begun, acknowledged;
static uint64_t began_ns;
static uint32_t *late_us;
static char padding[PAD_MAX + 1], head[512];

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- requests --------------------------------------------------------------------------------------------------- */

static size_t put_event(char *out, long n, uint64_t sent_ns)
{
    return (size_t)sprintf(out, "{\"name\":\"bench%ld\",\"data\":{\"n\":%ld,\"sent\":%llu,\"pad\":\"%s\"}}\n",
                           o.event + n % o.names, o.first + n, (unsigned long long)sent_ns, padding);
}

/* Head and body are written into one buffer, the head right before the body. */
static void compose(struct connection *c, uint64_t sent_ns)
{
    size_t lines = (size_t)(o.count - begun < o.lines ? o.count - begun : o.lines), room = sizeof head, len = 0;
    char *body = c->request + room;
    for (size_t i = 0; i < lines; i++)
        len += put_event(body + len, begun++, sent_ns);
    int n = snprintf(head, sizeof head,
                     "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     o.token, o.lines == 1 ? "application/json" : "application/x-ndjson", len);
    memcpy(body - n, head, (size_t)n);
    c->at = room - (size_t)n;
    c->len = room + len;
    c->lines = lines;
    c->sent_ns = sent_ns;
    c->busy = true;
}

static void give_back(struct connection *c)
{
    c->busy = false;
    c->next = idle;
    idle = c;
}

static void watch(struct connection *c, int op, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(poll_fd, op, c->fd, &e) != 0)
        die("epoll");
}

static void send_some(struct connection *c)
{
    ssize_t n = send(c->fd, c->request + c->at, c->len - c->at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        die("send");
    c->at += n > 0 ? (size_t)n : 0;
    watch(c, EPOLL_CTL_MOD, EPOLLIN | (c->at < c->len ? EPOLLOUT : 0));
}

static bool start_one(uint64_t sent_ns)
{
    struct connection *c = idle;
    if (c == NULL || begun == o.count)
        return false;
    idle = c->next;
    compose(c, sent_ns);
    send_some(c);
    return true;
}

/* --- answers ---------------------------------------------------------------------------------------------------- */

static void answered(struct connection *c)
{
    if (strncmp(c->answer, "HTTP/1.1 202", 12) != 0) {
        fprintf(stderr, "load: not accepted: %.200s\n", c->answer);
        exit(1);
    }
    late_us[acknowledged / o.lines] = (uint32_t)((now_ns() - c->sent_ns) / 1000);
    acknowledged += (long)c->lines;
    c->answer_len = 0;
    give_back(c);
}

/* The head tells how long the body is; what it says is of interest only when it is no 202. */
static void take(struct connection *c, const char *data, size_t len)
{
    while (len > 0 && c->answer_left == 0) {
        size_t room = sizeof c->answer - 1 - c->answer_len, n = len < room ? len : room;
        if (n == 0)
            die("an answer's head is too long");
        memcpy(c->answer + c->answer_len, data, n);
        c->answer_len += n;
        c->answer[c->answer_len] = '\0';
        const char *end = strstr(c->answer, "\r\n\r\n"), *length = strcasestr(c->answer, "\r\nContent-Length:");
        if (end == NULL) {
            data += n, len -= n;
            continue;
        }
        size_t of_head = (size_t)(end + 4 - c->answer) - (c->answer_len - n);
        c->answer_left = length == NULL || length > end ? 0 : strtoul(length + 17, NULL, 10);
        data += of_head, len -= of_head;
        if (c->answer_left == 0)
            answered(c);
    }
    size_t n = len < c->answer_left ? len : c->answer_left;
    c->answer_left -= n;
    if (n > 0 && c->answer_left == 0)
        answered(c);
}

static void receive(struct connection *c)
{
    static char data[ANSWER];
    ssize_t n = recv(c->fd, data, sizeof data, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        die("the connection has ended");
    if (n > 0)
        take(c, data, (size_t)n);
}

/* --- the loop --------------------------------------------------------------------------------------------------- */

static void connect_all(const struct sockaddr_in *to)
{
    size_t room = sizeof head + (size_t)o.lines * ((size_t)o.pad + EVENT_MAX);
    for (long i = 0; i < o.connections; i++) {
        struct connection *c = &connections[i];
        int yes = 1;
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        c->request = malloc(room);
        if (c->fd < 0 || c->request == NULL || connect(c->fd, (const struct sockaddr *)to, sizeof *to) != 0)
            die("connect");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(c, EPOLL_CTL_ADD, EPOLLIN);
        give_back(c);
    }
}

static void serve(int wait_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(poll_fd, events, EVENTS, wait_ms);
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        if (c == NULL)
            continue; /* the timer: the loop looks at the clock */
        if (events[i].events & EPOLLOUT)
            send_some(c);
        if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
            receive(c);
    }
}

static void set_timer(int timer, uint64_t at_ns)
{
    struct itimerspec t = {.it_value = {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)}};
    if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &t, NULL) != 0)
        die("timer");
}

static void run_batches(void)
{
    while (acknowledged < o.count) {
        while (start_one(now_ns()))
            ;
        serve(-1);
    }
}

/* Each event at its time; one that finds no idle connection waits for it, and its time stays what it was to be. */
static void run_paced(void)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN};
    if (timer < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer, &e) != 0)
        die("timer");
    while (acknowledged < o.count) {
        uint64_t due;
        while ((due = began_ns + (uint64_t)begun * 1000000000u / (uint64_t)o.rate) <= now_ns() && start_one(due))
            ;
        if (begun < o.count)
            set_timer(timer, due);
        serve(-1);
        (void)!read(timer, &due, sizeof due);
    }
    close(timer);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_figures(void)
{
    size_t n = (size_t)((o.count + o.lines - 1) / o.lines);
    uint64_t took = now_ns() - began_ns;
    qsort(late_us, n, sizeof *late_us, by_size);
    printf("{\"count\":%ld,\"began_ns\":%llu,\"seconds\":%.6f,\"p50\":%u,\"p99\":%u,\"p999\":%u}\n", o.count,
           (unsigned long long)began_ns, (double)took / 1e9, late_us[(n - 1) / 2],
           late_us[(size_t)((double)(n - 1) * 0.99)], late_us[(size_t)((double)(n - 1) * 0.999)]);
}

static long number(const char *text, long min, long max)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || n < min || n > max) {
        fprintf(stderr, "load: \"%s\" is no number from %ld to %ld\n", text, min, max);
        exit(2);
    }
    return n;
}

/* http://127.0.0.1:PORT only: what is measured is this machine. */
static struct sockaddr_in address_of(const char *url)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    static const char start[] = "http://127.0.0.1:";
    if (strncmp(url, start, sizeof start - 1) != 0) {
        fprintf(stderr, "load: the URL is to be %sPORT\n", start);
        exit(2);
    }
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons((uint16_t)number(url + sizeof start - 1, 1, 65535));
    return a;
}

static bool set_option(const char *text)
{
    static const struct {
        const char *name;
        long *value, min, max;
    } known[] = {
        {"count=", &o.count, 1, 100000000},
        {"lines=", &o.lines, 1, 100000},
        {"rate=", &o.rate, 1, 1000000},
        {"seconds=", &o.seconds, 1, 3600},
        {"pad=", &o.pad, 0, PAD_MAX},
        {"names=", &o.names, 1, 100000},
        {"connections=", &o.connections, 1, CONNECTIONS},
        {"first=", &o.first, 0, 100000000},
        {"event=", &o.event, 0, 100000},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t len = strlen(known[i].name);
        if (strncmp(text, known[i].name, len) == 0) {
            *known[i].value = number(text + len, known[i].min, known[i].max);
            return true;
        }
    }
    return false;
}

static bool set_options(int argc, char **argv)
{
    if (argc < 4 || (strcmp(argv[1], "batch") != 0 && strcmp(argv[1], "paced") != 0))
        return false;
    o.paced = argv[1][0] == 'p';
    o.token = argv[3];
    for (int i = 4; i < argc; i++)
        if (!set_option(argv[i]))
            return false;
    if (o.paced) {
        o.count = o.rate * o.seconds;
        o.lines = 1;
    }
    memset(padding, 'x', (size_t)o.pad);
    return true;
}

int main(int argc, char **argv)
{
    if (!set_options(argc, argv)) {
        fputs("usage: load batch|paced URL TOKEN [NAME=NUMBER]...\n", stderr);
        return 2;
    }
    struct sockaddr_in to = address_of(argv[2]);
    late_us = calloc((size_t)(o.count / o.lines + 1), sizeof *late_us);
    poll_fd = epoll_create1(0);
    if (late_us == NULL || poll_fd < 0)
        die("start");
    connect_all(&to);
    began_ns = now_ns();
    if (o.paced)
        run_paced();
    else
        run_batches();
    print_figures();
    return 0;
}
