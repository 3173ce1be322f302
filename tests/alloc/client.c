#include "client.h"

#include "files.h"
#include "send_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static bool read_line(const char *folder, const char *name, char *out, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    bool there = files_read(path, FILES_BEGINNING, out, size);
    out[strcspn(out, "\n")] = '\0';
    return there && out[0] != '\0';
}

bool client_find(struct client *c, const char *state)
{
    char address[64];
    snprintf(c->state, sizeof c->state, "%s", state);
    if (!read_line(state, "address", address, sizeof address) || !read_line(state, "token", c->token, sizeof c->token))
        return false;
    const char *colon = strrchr(address, ':');
    c->port = colon == NULL ? 0 : atoi(colon + 1);
    return c->port != 0;
}

static int open_to(const struct sockaddr *a, socklen_t len)
{
    struct timeval patience = {.tv_sec = CLIENT_PATIENCE_S};
    int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, a, len) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Reads until `enough` says so. 0; or CLIENT_SILENT; or -2: it was closed before. */
static int read_until(struct client *c, int fd, bool (*enough)(const char *text, size_t len))
{
    size_t len = 0;
    c->body[0] = '\0';
    while (!enough(c->body, len)) {
        ssize_t n = len + 1 < sizeof c->body ? read(fd, c->body + len, sizeof c->body - 1 - len) : 0;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return CLIENT_SILENT;
        if (n <= 0)
            return -2;
        len += (size_t)n;
        c->body[len] = '\0';
    }
    return 0;
}

static bool whole_answer(const char *text, size_t len)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = end == NULL ? NULL : strcasestr(text, "\r\nContent-Length: ");
    return length != NULL && length < end &&
           len >= (size_t)(end + 4 - text) + (size_t)atoi(length + strlen("\r\nContent-Length: "));
}

static bool whole_line(const char *text, size_t len)
{
    return len > 0 && text[len - 1] == '\n';
}

static bool whole_end(const char *text, size_t len)
{
    return whole_line(text, len) && (strstr(text, "\"end\":") != NULL || strstr(text, "\"items\":") != NULL ||
                                     strstr(text, "\"problem\":") != NULL);
}

static int talk(struct client *c, int fd, const char *head, const char *body)
{
    if (!send_all(fd, head, strlen(head)) || !send_all(fd, body, strlen(body)))
        return CLIENT_CLOSED;
    int rc = read_until(c, fd, whole_answer);
    if (rc != 0)
        return rc == CLIENT_SILENT ? CLIENT_SILENT : CLIENT_CLOSED;
    int status = atoi(c->body + strlen("HTTP/1.1 "));
    const char *text = strstr(c->body, "\r\n\r\n") + 4;
    memmove(c->body, text, strlen(text) + 1);
    return status;
}

int client_call(struct client *c, const char *method, const char *path, const char *type, const char *body)
{
    char head[1024];
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)c->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = open_to((struct sockaddr *)&a, sizeof a);
    c->body[0] = '\0';
    c->status = CLIENT_CLOSED;
    if (fd < 0)
        return c->status;
    snprintf(head, sizeof head,
             "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nConnection: close\r\n%s%s%s"
             "Content-Length: %zu\r\n\r\n",
             method, path, c->port, c->token, type != NULL ? "Content-Type: " : "", type != NULL ? type : "",
             type != NULL ? "\r\n" : "", type != NULL ? strlen(body) : 0);
    c->status = talk(c, fd, head, type != NULL ? body : "");
    close(fd);
    return c->status;
}

static int converse(struct client *c, int fd, const char *line)
{
    int rc = read_until(c, fd, whole_line);
    if (rc != 0 || strstr(c->body, "\"hello\"") == NULL)
        return rc == CLIENT_SILENT ? CLIENT_SILENT : CLIENT_CLOSED;
    if (!send_all(fd, line, strlen(line)))
        return CLIENT_CLOSED;
    rc = read_until(c, fd, whole_end);
    return rc == 0 ? 200 : rc == CLIENT_SILENT ? CLIENT_SILENT : CLIENT_CLOSED;
}

int client_console(struct client *c, const char *line)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%.90s/control", c->state);
    int fd = open_to((struct sockaddr *)&a, sizeof a);
    c->body[0] = '\0';
    c->status = CLIENT_CLOSED;
    if (fd < 0)
        return c->status;
    c->status = converse(c, fd, line);
    close(fd);
    return c->status;
}
