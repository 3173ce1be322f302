/*
 * builder: loads scripts on a thread of its own: a load takes its time, and the loop does not wait for it. One load
 * after another; what a load left behind is freed there too.
 *
 * A build has secrets and a log of its own, which nobody else sees until builder_take() puts them to the others, on the
 * loop.
 */
#ifndef ANZOL_HOST_BUILDER_H
#define ANZOL_HOST_BUILDER_H

#include "core/log.h"
#include "script/generation.h"
#include "script/seen.h"

struct build { /* the caller's memory until `done`, where it may be freed */
    struct build *next;
    /* In: how it is loaded in the end; the views stay valid until `done`. */
    struct generation_options options;
    bool urgent;     /* before those that wait and are not */
    bool if_changed; /* not when the files are as options.seen says; else options.seen is what was read now */
    void (*done)(struct build *b); /* on the loop, from builder_dispatch() */
    /* Out: for builder_take(). */
    struct generation *generation; /* NULL: it failed, or is unchanged */
    bool unchanged;
    struct buf lines; /* mistakes, or warnings */
    struct err failure;
    struct secrets *secrets;
    struct log log;
};

struct builder;

/* `wake` is called on any thread: builder_dispatch() is due. The thread starts with the first build. NULL: memory. */
struct builder *builder_new(void (*wake)(void *ud), void *ud, struct err *e);
/* Ends the thread when the build that is under way has ended, which is bounded (STATE_LOAD_MS). No `done` is called any
 * more: the builds are their owners' again. NULL is fine. */
void builder_stop(struct builder *b);
/* After the last generation was let go of. NULL is fine. */
void builder_free(struct builder *b);
/* -1: it will not be done. */
int builder_start(struct builder *b, struct build *build, struct err *e);
/* Takes back one that has not begun: true, and it is the caller's again. */
bool builder_cancel(struct builder *b, struct build *build);
/* Calls `done` of what is ready. */
void builder_dispatch(struct builder *b);
/* The generation, with its secrets and log lines where options say; the caller's then. NULL: b->failure says why. */
struct generation *builder_take(struct build *b);
/* What is left of it. */
void build_fini(struct build *b);
/* Frees it there: for generation_options.discard, `ud` is the builder. */
void builder_discard(void *ud, struct generation *g);

#endif
