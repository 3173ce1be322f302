/*
 * statuses: the list of HTTP statuses a receiver answers in turn: "503,503,200".
 */
#ifndef ANZOL_CLI_STATUSES_H
#define ANZOL_CLI_STATUSES_H

#include <stddef.h>

enum { STATUSES_MAX = 64 };

struct statuses {
    int items[STATUSES_MAX];
    size_t count;
};

/* `list` NULL: none. -1: go on; else the exit code, the mistake has been said. */
int statuses_parse(struct statuses *s, const char *command, const char *list);

#endif
