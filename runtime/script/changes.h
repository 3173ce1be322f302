/*
 * changes: what is different between two generations: which definitions were added, changed, removed.
 */
#ifndef ANZOL_SCRIPT_CHANGES_H
#define ANZOL_SCRIPT_CHANGES_H

#include "core/buf.h"

struct generation;

enum { CHANGES_WEBHOOKS, CHANGES_INTEGRATIONS, CHANGES_FLOWS, CHANGES_KINDS };

struct change_names {
    struct buf lines; /* one a line, sorted */
    size_t count;
};

struct changes {
    struct {
        const char *kind; /* "webhook" */
        struct change_names added, changed, removed;
    } of[CHANGES_KINDS];
};

/* Whether a generation defines that: "webhook", "integration" or "flow". */
bool changes_defined(const struct generation *g, const char *kind, struct bytes name);

void changes_init(struct changes *c);
void changes_fini(struct changes *c);
/* Fills it. -1: memory. `before` NULL: everything is added. */
int changes_between(struct changes *c, const struct generation *before, const struct generation *after);
bool changes_none(const struct changes *c);
/* "+1 webhook, ~2, -0; +0 integrations, ~1, -0": the kinds that have some; "no definition changed". */
void changes_describe(const struct changes *c, struct buf *out);

#endif
