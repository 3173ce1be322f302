/* send_all: sends all of it, however often the socket takes a part. Shared by tests in C that talk over sockets. */
#ifndef ANZOL_TESTS_SEND_ALL_H
#define ANZOL_TESTS_SEND_ALL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* False: the other side has gone, or takes nothing more. */
static inline bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

#endif
