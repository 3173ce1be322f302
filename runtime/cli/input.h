/*
 * input: what a command reads: the file of --data, or standard input for "-".
 */
#ifndef ANZOL_CLI_INPUT_H
#define ANZOL_CLI_INPUT_H

#include "core/buf.h"
#include "core/err.h"

/* Appends the whole file to `out`. */
int input_read(const char *path, struct buf *out, struct err *e);
/* The same for JSON, checked: a mistake is named with its line and column. `path` NULL: {}. */
int input_json(const char *path, struct buf *out, struct err *e);

#endif
