/*
 * attachment: the client's end of the control socket, STATE/control: lines out, lines in. What the lines say is the
 * caller's affair.
 *
 * Sending waits until the daemon takes the line, for 10 s at most. Receiving never waits: poll `fd` for reading, call
 * attachment_receive(), then take every complete line by attachment_next().
 */
#ifndef ANZOL_NET_ATTACHMENT_H
#define ANZOL_NET_ATTACHMENT_H

#include "core/buf.h"
#include "core/err.h"

struct attachment {
    int fd; /* -1: not connected */
    struct buf in;
    size_t taken; /* bytes of `in` that were handed out */
    bool ended;   /* the daemon closed its end */
};

/* Connects, however long the folder's name is. ERR_NET: nobody listens there. After a failure there is nothing to
 * close. */
int attachment_open(struct attachment *c, const char *state, struct err *e);
/* May be called again. */
void attachment_close(struct attachment *c);
/* `line` without a line break. ERR_INPUT: it is too long; ERR_NET: the daemon is gone, or takes nothing. */
int attachment_send(struct attachment *c, struct bytes line, struct err *e);
/* Reads what is there. Nothing, or the end, is no failure: attachment_next() tells. */
int attachment_receive(struct attachment *c, struct err *e);
/* 1: a line, valid until the next receive; 0: none is complete yet; -1: there will be none any more (ERR_NET), or one
 * is too long (ERR_SYSTEM). */
int attachment_next(struct attachment *c, struct bytes *line, struct err *e);

#endif
