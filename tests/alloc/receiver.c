#include "receiver.h"

#include "child.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS = 32, REQUEST_MAX = 8192, SLOW_US = 30000 };

struct connection {
    int fd;
    size_t len;
    char data[REQUEST_MAX];
};

/* "/shop/WEBHOOK?id=ID&…" */
static bool is_for(const char *path, const char *webhook, const char *id)
{
    char prefix[RECEIVER_PATH];
    int n = snprintf(prefix, sizeof prefix, "/shop/%s?id=%s&", webhook, id);
    return strncmp(path, prefix, (size_t)n) == 0;
}

int receiver_count(const struct receiver *r, const char *webhook, const char *id, int status)
{
    int n = 0;
    for (int i = 0; i < r->count; i++)
        n += is_for(r->requests[i].path, webhook, id) && (status == 0 || r->requests[i].status == status);
    return n;
}

int receiver_version(const struct receiver *r, const char *webhook, const char *id)
{
    for (int i = r->count - 1; i >= 0; i--)
        if (is_for(r->requests[i].path, webhook, id))
            return r->requests[i].version;
    return -1;
}

static bool came_before(const struct receiver *r, const char *path)
{
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->requests[i].path, path) == 0)
            return true;
    return false;
}

static int note(struct receiver *r, const char *head)
{
    int n = r->count;
    char path[RECEIVER_PATH] = "";
    const char *version = strcasestr(head, "\r\nX-Version: ");
    (void)sscanf(head, "%*s %191s", path);
    int status = strncmp(path, "/shop/paid", strlen("/shop/paid")) == 0 && !came_before(r, path) ? 503 : 200;
    if (n == RECEIVER_REQUESTS)
        return status;
    memcpy(r->requests[n].path, path, sizeof path);
    r->requests[n].version = version == NULL ? 0 : atoi(version + strlen("\r\nX-Version: "));
    r->requests[n].status = status;
    r->count = n + 1;
    if (strncmp(path, "/shop/slow", strlen("/shop/slow")) == 0)
        usleep(SLOW_US);
    return status;
}

static void answer(int fd, int status)
{
    static const char body[] = "{\"data\": {\"id\": \"crm-1\"}}";
    char text[256];
    int n =
        snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 status, sizeof body - 1, body);
    (void)!send(fd, text, (size_t)n, MSG_NOSIGNAL);
}

/* Answers the requests that are whole. */
static void take(struct receiver *r, struct connection *c)
{
    for (char *end; c->data[c->len] = '\0', (end = strstr(c->data, "\r\n\r\n")) != NULL;) {
        const char *len = strcasestr(c->data, "\r\nContent-Length: ");
        size_t whole = (size_t)(end + 4 - c->data);
        if (len != NULL && len < end)
            whole += (size_t)atoi(len + strlen("\r\nContent-Length: "));
        if (c->len < whole)
            return;
        *end = '\0';
        answer(c->fd, note(r, c->data));
        memmove(c->data, c->data + whole, c->len - whole);
        c->len -= whole;
    }
}

static void on_readable(struct receiver *r, struct connection *c)
{
    ssize_t n = read(c->fd, c->data + c->len, sizeof c->data - 1 - c->len);
    if (n > 0) {
        c->len += (size_t)n;
        take(r, c);
        return;
    }
    close(c->fd);
    c->fd = -1;
}

static void on_connection(struct connection *all, int listener)
{
    int fd = accept(listener, NULL, NULL);
    for (int i = 0; fd >= 0 && i < CONNECTIONS; i++)
        if (all[i].fd < 0) {
            all[i].fd = fd;
            all[i].len = 0;
            return;
        }
    if (fd >= 0)
        close(fd);
}

static void serve(struct receiver *r, int listener)
{
    static struct connection all[CONNECTIONS];
    struct pollfd polled[CONNECTIONS + 1] = {{.fd = listener, .events = POLLIN}};
    for (int i = 0; i < CONNECTIONS; i++)
        all[i].fd = -1;
    for (;;) {
        for (int i = 0; i < CONNECTIONS; i++)
            polled[i + 1] = (struct pollfd){.fd = all[i].fd, .events = POLLIN};
        if (poll(polled, CONNECTIONS + 1, -1) < 0)
            return;
        for (int i = 0; i < CONNECTIONS; i++)
            if (polled[i + 1].revents != 0)
                on_readable(r, &all[i]);
        if (polled[0].revents != 0)
            on_connection(all, listener);
    }
}

static int listen_somewhere(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, CONNECTIONS) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return -1;
    *port = ntohs(a.sin_port);
    return fd;
}

struct receiver *receiver_start(void)
{
    struct receiver *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd = r == MAP_FAILED ? -1 : listen_somewhere(&r->port);
    if (fd < 0) {
        perror("receiver");
        return NULL;
    }
    pid_t pid = child_fork();
    if (pid == 0) {
        serve(r, fd);
        _exit(1);
    }
    close(fd);
    if (pid < 0) {
        perror("receiver");
        return NULL;
    }
    r->pid = pid; /* set by one of the two: the memory is shared */
    return r;
}

void receiver_stop(struct receiver *r)
{
    (void)kill(r->pid, SIGKILL);
    (void)waitpid(r->pid, NULL, 0);
}

void receiver_clear(struct receiver *r)
{
    r->count = 0;
}
