/*
 * control: the control socket, STATE/control: where people attach to a running daemon.
 *
 * A Unix socket that only the daemon's own user and root may use, one JSON object a line in both directions. Here are
 * the socket, its clients and their bounds, and the protocol; what a line of code means is the business of `ops`.
 *
 * All of it happens on the loop's thread. The ops are called from the loop and from control_free(), never from inside
 * control_text() and its like; they may call whatever is declared here, for any client, control_free() too. Nobody is
 * waited for: what a client does not read is kept up to CONTROL_UNSENT_MAX, then it is closed.
 */
#ifndef ANZOL_NET_CONTROL_H
#define ANZOL_NET_CONTROL_H

#include "core/buf.h"
#include "core/err.h"

enum {
    CONTROL_CLIENTS_MAX = 32,
    CONTROL_LINE_MAX = 1 << 20, /* bytes of a line without its newline, in both directions */
    CONTROL_UNSENT_MAX = 4 << 20,
    CONTROL_OPEN_MAX = 1024,          /* requests of a client without their answer */
    CONTROL_OPEN_BYTES_MAX = 4 << 20, /* of code in them */
    CONTROL_WIDTH_MIN = 20,
    CONTROL_WIDTH_MAX = 400,
    CONTROL_WIDTH_DEFAULT = 80,
};

struct ev_loop;
struct json_write;
struct control;
struct control_client;

/* Who is at the other end, as the kernel knows it. */
struct control_peer {
    unsigned uid;
    int pid;
    char user[64]; /* the name, or the number where there is none */
};

enum control_end { CONTROL_OK, CONTROL_ERROR, CONTROL_MORE, CONTROL_CANCELED };

/* Views are valid during the call; `session` is what open() returned. */
struct control_ops {
    /*
     * Someone attached. Returns the session and writes into the open object `hello` what the client is told of the
     * daemon; or NULL: refused, and `why` is what it is told. Until it returns, nothing else can be sent to `c`.
     */
    void *(*open)(void *ud, struct control_client *c, const struct control_peer *peer, struct json_write *hello,
                  struct err *why);
    /* `id` is no other open request's. Answer with control_end(). */
    void (*eval)(void *session, int64_t id, struct bytes code, int width, bool json);
    /* `cursor` is the offset of a character of `code`, or its length. Answer with control_items() or control_end(). */
    void (*complete)(void *session, int64_t id, struct bytes code, size_t cursor);
    /* `target` is open; its answer, CONTROL_CANCELED or whatever it came to, is still due. */
    void (*cancel)(void *session, int64_t target);
    /* It has gone, with what it asked; `c` is not valid any more. Not called for those refused. */
    void (*close)(void *session);
};

struct control_options {
    struct ev_loop *loop;
    const char *folder; /* the caller holds its lock: a socket in it is one that a dead process left */
    const struct control_ops *ops;
    void *ud;
};

/* Makes folder/control, mode 0600, and listens. What stands there and is no socket is an error, and is left alone. */
struct control *control_new(const struct control_options *o, struct err *e);
/* Sends what can be sent at once, closes everybody and removes the socket. NULL is fine. */
void control_free(struct control *c);

/*
 * Answers. Of a request that is not open any more nothing is sent. Bytes that are not UTF-8 become U+FFFD. No line
 * is longer than CONTROL_LINE_MAX: a printed text goes out as several lines, the text of an end is cut and says so,
 * values that are too many end in an error, items that are too many are left off.
 */
void control_text(struct control_client *c, int64_t id, struct bytes text);
/* `text` is for CONTROL_OK and CONTROL_ERROR. `values_json` is a JSON array on one line; data NULL: none. */
void control_end(struct control_client *c, int64_t id, enum control_end end, struct bytes text,
                 struct bytes values_json);
void control_items(struct control_client *c, int64_t id, size_t from, const struct bytes *items, size_t count);
/* Bytes it has not taken yet: whoever has much to say waits while they are many. */
size_t control_unsent(const struct control_client *c);
/* Something the person should know, unasked. */
void control_note(struct control_client *c, struct bytes text);

#endif
