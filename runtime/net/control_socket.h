/*
 * control_socket: the file of the control socket, and who is at the other end of a connection.
 */
#ifndef ANZOL_NET_CONTROL_SOCKET_H
#define ANZOL_NET_CONTROL_SOCKET_H

#include "core/err.h"
#include "net/control.h"

#include <sys/stat.h>
#include <sys/un.h>

#define CONTROL_SOCKET_NAME "control"

struct control_socket {
    int fd;     /* listens */
    int folder; /* where it is */
    struct stat made;
};

/* An address holds 107 bytes. A folder's name may be longer; it is reached through its descriptor then, which stays
 * open until the address was used. */
void control_socket_address(struct sockaddr_un *a, const char *folder, int folder_fd);
/* The socket is folder/control, for its owner alone from its first moment on. */
int control_socket_open(struct control_socket *s, const char *folder, struct err *e);
/* Removes the file, unless it is another one by now. */
void control_socket_close(struct control_socket *s);

/* Who connected. -1: neither the user of this process nor root. */
int control_peer_check(int fd, struct control_peer *peer, struct err *e);

#endif
