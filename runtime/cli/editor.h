/*
 * editor: one line from the terminal, edited by libedit (~/.editrc is honoured), while what else happens is shown above
 * it at once.
 *
 * While it waits for a key it polls the host's descriptors too. on_ready() may print after editor_hide(); what was
 * typed is drawn again afterwards. All of it between signals_begin() and signals_end().
 */
#ifndef ANZOL_CLI_EDITOR_H
#define ANZOL_CLI_EDITOR_H

#include "cli/candidates.h"
#include "core/err.h"

#include <histedit.h>
#include <poll.h>

enum editor_result {
    EDITOR_LINE,
    EDITOR_DROPPED, /* Ctrl-C */
    EDITOR_END,     /* Ctrl-D on an empty line, or the terminal is gone */
    EDITOR_LEFT,    /* the host wanted it, or a signal to end came */
};

enum { EDITOR_WATCH_MAX = 4 };

struct editor_host {
    /* What to poll: fills `fds`, returns how many. */
    size_t (*watch)(void *ud, struct pollfd fds[EDITOR_WATCH_MAX]);
    /* Some of them are ready. False: leave. */
    bool (*on_ready)(void *ud, const struct pollfd fds[EDITOR_WATCH_MAX]);
    /* What may stand at byte `cursor` of the line. False: leave. */
    bool (*complete)(void *ud, struct bytes line, size_t cursor, struct candidates *c);
};

struct editor {
    EditLine *el;
    const struct editor_host *host;
    void *ud;
    char prompt[8];
    bool reading, hidden;
    uint64_t keys, tab_at; /* how many were typed; and when it was Tab */
    char bytes[4];         /* of a character that has not come in whole */
    size_t byte_count;
    enum editor_result result;
};

/* The terminal is stdin and stdout. -1: memory is short. */
int editor_open(struct editor *ed, const struct editor_host *host, void *ud, History *past, struct err *e);
/* Sets the terminal as it was. */
void editor_close(struct editor *ed);
/* EDITOR_LINE: `line` holds it, without its line break. */
enum editor_result editor_read(struct editor *ed, const char *prompt, struct buf *line);
/* Makes room for what is printed above the line; once is enough. Nothing when no line is read. */
void editor_hide(struct editor *ed);

#endif
