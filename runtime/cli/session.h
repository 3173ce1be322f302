/*
 * session: one person, or script, attached to a daemon: a line is sent, what it prints and how it ends appear, and so
 * does what the daemon says unasked. Ctrl-C cancels the line; a second one hangs up.
 *
 * It may also follow the log of a daemon that was started for it: those lines appear dimmed.
 */
#ifndef ANZOL_CLI_SESSION_H
#define ANZOL_CLI_SESSION_H

#include "cli/candidates.h"
#include "cli/speech.h"
#include "cli/talk.h"

#include <poll.h>

enum session_end {
    SESSION_RUNNING,
    SESSION_OK,
    SESSION_ERROR,    /* it failed; why was said */
    SESSION_MORE,     /* it is not complete */
    SESSION_CANCELED, /* that was said */
    SESSION_OVER,     /* the connection has ended, or who asked wants to; session->code is the exit code */
};

enum { SESSION_FDS = 2 };

struct session {
    const char *command; /* for messages */
    struct talk talk;
    struct speech speech;
    int log_fd; /* -1: none, or it has ended */
    struct buf log_line;
    void (*before_print)(void *ud); /* NULL, or makes room on the terminal */
    void *ud;
    int64_t running; /* the line that was sent last */
    enum session_end end;
    int64_t asked; /* the completion that is waited for; 0: none */
    size_t cursor;
    struct candidates *answer;
    bool hung_up; /* the daemon said why it closes the connection */
    int code;
};

/* EXIT_OK, or the exit code, everything said and nothing to close. log_fd -1: none; it stays the caller's. */
int session_open(struct session *s, const char *command, const char *state, int log_fd);
void session_close(struct session *s);

/* From signals_begin() on. Sends a line and waits until it has ended. */
enum session_end session_eval(struct session *s, struct bytes code);
/* What may stand at byte `cursor` of `code`; none when the daemon does not say so within a second.
 * candidates_fini() it. */
void session_complete(struct session *s, struct bytes code, size_t cursor, struct candidates *c);

/* For who waits for something else as well: what to poll, and taking what is there. Returns how many. */
size_t session_watch(const struct session *s, struct pollfd fds[SESSION_FDS]);
/* False: the session is over, as after SESSION_OVER. */
bool session_take(struct session *s, const struct pollfd fds[SESSION_FDS]);

#endif
