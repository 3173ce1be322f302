/*
 * talk: the messages of the control socket, as a client speaks them: what it asks, what the daemon says.
 *
 * Nothing here waits but talk_open(): poll talk->client.fd, talk_receive(), then talk_next() until it has none.
 */
#ifndef ANZOL_CLI_TALK_H
#define ANZOL_CLI_TALK_H

#include "net/attachment.h"

struct json_t; /* Jansson's */

enum talk_kind {
    TALK_TEXT,     /* what a running line prints */
    TALK_OK,       /* it has ended; text: its values */
    TALK_ERROR,    /* it has ended; text: why */
    TALK_MORE,     /* it goes on in another line */
    TALK_CANCELED, /* it has ended, because it was asked to */
    TALK_ITEMS,    /* what may stand at the cursor */
    TALK_NOTE,     /* for the person, unasked */
    TALK_PROBLEM,  /* the daemon could not read a line, and hangs up */
    TALK_HELLO,
    TALK_OTHER, /* of a later version */
};

/* Its views are valid until the next message is asked for. */
struct talk_message {
    enum talk_kind kind;
    int64_t id; /* of what it answers; 0: nothing */
    struct bytes text;
    struct bytes line; /* the message as it came: JSON */
    const struct json_t *root;
};

struct talk {
    struct attachment client;
    int64_t last_id;
    struct json_t *root; /* of the last message */
    struct buf line;     /* the last that was sent */
    char version[32];
    int64_t generation, integrations, webhooks, flows;
};

/* Connects and waits for the daemon's greeting, for 10 s at most. Says nothing. After a failure there is nothing to
 * close. */
int talk_open(struct talk *t, const char *state, struct err *e);
void talk_close(struct talk *t);

/* Asks; the id, or -1. ERR_INPUT: the code cannot be sent, nothing was. */
int64_t talk_eval(struct talk *t, struct bytes code, int width, bool json, struct err *e);
/* `cursor`: a byte of `code`. */
int64_t talk_complete(struct talk *t, struct bytes code, size_t cursor, struct err *e);
int talk_cancel(struct talk *t, int64_t id, struct err *e);

int talk_receive(struct talk *t, struct err *e);
/* 1: a message; 0: none yet; -1: there will be none any more. */
int talk_next(struct talk *t, struct talk_message *m, struct err *e);

#endif
