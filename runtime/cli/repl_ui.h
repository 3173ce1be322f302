/*
 * repl_ui: a conversation with a daemon: on a terminal line by line, with completion and a history; from anywhere else
 * it takes what stdin holds, one chunk of code after the other.
 */
#ifndef ANZOL_CLI_REPL_UI_H
#define ANZOL_CLI_REPL_UI_H

struct repl_ui {
    const char *command; /* for messages */
    const char *state;   /* the daemon's folder */
    const char *banner;  /* one or more lines for a person, before what the daemon says of itself; NULL: none */
    int log_fd;          /* the log of a daemon that was started for it, shown line by line; -1: none */
};

/* Returns the exit code, everything said: 0, 69 when the daemon ended or there is none, 1 when code from stdin failed.
 * Ctrl-C and Ctrl-Z are signals for the whole group of processes: a daemon that was started for it needs its own. */
int repl_ui_run(const struct repl_ui *u);

#endif
