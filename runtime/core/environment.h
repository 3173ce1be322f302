/*
 * environment: the process's variables, and those that files of NAME=VALUE lines add to them, for several threads.
 */
#ifndef ANZOL_CORE_ENVIRONMENT_H
#define ANZOL_CORE_ENVIRONMENT_H

/* NULL: not set. The text stays: variables are only ever added. */
const char *environment_get(const char *name);
/* Adds a variable; one that is set keeps its value. -1: errno says why not. */
int environment_add(const char *name, const char *value);

#endif
