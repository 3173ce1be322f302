/*
 * input: what a command reads: the file of --data, or standard input for "-".
 */
#ifndef ANZOL_CLI_INPUT_H
#define ANZOL_CLI_INPUT_H

#include "core/buf.h"
#include "core/err.h"

/* Appends the whole file to `out`. */
int input_read(const char *path, struct buf *out, struct err *e);
/* The same of what is open; `name`: what messages call it. ERR_INPUT 413: it is over `max` bytes long. */
int input_read_fd(int fd, const char *name, size_t max, struct buf *out, struct err *e);
/* What an operand says, or, when it is "-", standard input, which is read into `in`. */
int input_operand(const char *text, struct buf *in, struct bytes *out, struct err *e);
/* Reads JSON, checked: a mistake is named with its line and column. `path` NULL: {}. */
int input_json(const char *path, struct buf *out, struct err *e);

#endif
