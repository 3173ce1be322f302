/*
 * generation_internal: a generation as the files of this folder see it.
 */
#ifndef ANZOL_SCRIPT_GENERATION_INTERNAL_H
#define ANZOL_SCRIPT_GENERATION_INTERNAL_H

#include "script/archive.h"
#include "script/generation.h"
#include "script/native.h"
#include "script/state.h"

struct integration {
    char *name;
    size_t name_len;
    double rate;
    int64_t per_ms;
    int concurrency;
};

struct generation {
    unsigned refs;
    struct state state;
    struct native native;
    struct integration *integrations;
    size_t integration_count;
    size_t webhook_count;
    size_t flow_count;
    struct buf digests;
    void (*discard)(void *ud, struct generation *g);
    void *ud;
    struct buf archive;
    uint8_t hash[ARCHIVE_HASH_SIZE];
};

#endif
