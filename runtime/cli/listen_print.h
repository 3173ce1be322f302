/*
 * listen_print: one request that `anzol listen` got, for people or as a JSON line, on stdout or where
 * stdout gets it from. Flushing is the caller's.
 */
#ifndef ANZOL_CLI_LISTEN_PRINT_H
#define ANZOL_CLI_LISTEN_PRINT_H

#include "core/buf.h"

#include <stdio.h>

struct receiver_request;

struct listen_print {
    bool json;
    FILE *out;       /* stdout; may be set */
    struct buf line; /* used again for each request */
};

void listen_print_init(struct listen_print *p, bool json);
void listen_print_fini(struct listen_print *p);
void listen_print_request(struct listen_print *p, const struct receiver_request *q, int64_t delay_ms);

#endif
