/*
 * signals: what the keyboard and the terminal tell a command that waits: Ctrl-C, Ctrl-Z, a new size, the end. Between
 * signals_begin() and signals_end() they are taken in signals_poll() alone, so that none is missed between a look and a
 * wait.
 */
#ifndef ANZOL_CLI_SIGNALS_H
#define ANZOL_CLI_SIGNALS_H

#include <poll.h>
#include <stdbool.h>

void signals_begin(void);
void signals_end(void);
/* As poll(). -1 with EINTR: one has come, ask below. */
int signals_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

/* Each is told once. */
bool signals_interrupt(void); /* Ctrl-C */
bool signals_resize(void);
bool signals_suspend(void); /* Ctrl-Z: set the terminal right, then signals_stop() */
/* SIGTERM, SIGHUP, SIGQUIT: stays true. */
bool signals_ending(void);
/* Stops the process as Ctrl-Z does; returns when it goes on. */
void signals_stop(void);

#endif
