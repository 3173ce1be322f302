/*
 * local: scripts loaded in this process, without a daemon: check, preview --scripts, template, stubs.
 */
#ifndef ANZOL_CLI_LOCAL_H
#define ANZOL_CLI_LOCAL_H

#include "core/buf.h"
#include "core/err.h"
#include "core/log.h"
#include "core/uuid.h"

struct generation;
struct secrets;

struct local {
    struct secrets *secrets;
    struct log log; /* what the scripts say, on stderr */
    struct generation *generation;
    struct uuid_source ids;
};

struct local_options {
    const char *const *paths;
    size_t path_count; /* 0: a generation without scripts */
    const char *const *env_files;
    size_t env_file_count;
    bool secrets_optional;
};

/* 0, or -1: `errors` holds the mistakes, one a line (empty when it failed before the scripts were read). local_fini()
 * in any case. */
int local_load(struct local *l, const struct local_options *o, struct buf *errors, struct err *e);
void local_fini(struct local *l);

#endif
