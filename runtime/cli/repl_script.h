/*
 * repl_script: the conversation without a terminal: the lines of stdin, each chunk evaluated once it is complete.
 */
#ifndef ANZOL_CLI_REPL_SCRIPT_H
#define ANZOL_CLI_REPL_SCRIPT_H

#include "cli/session.h"

/* From signals_begin() on. The exit code: EXIT_FAILED when a chunk failed; the others are evaluated all the same. */
int repl_script_run(struct session *s);

#endif
