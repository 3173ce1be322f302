/*
 * batch: a stream of events, one a line, to the daemon: in pieces of whole lines, as they come, so that a file of any
 * size and a pipe that never ends both work in bounded memory.
 */
#ifndef ANZOL_CLI_BATCH_H
#define ANZOL_CLI_BATCH_H

#include <stdbool.h>

/* `path` may be "-". Returns the exit code: EXIT_FAILED when a line was rejected. */
int batch_send(const char *state, const char *path, bool json);

#endif
