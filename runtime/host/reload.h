/*
 * reload: the scripts are loaded anew while everything runs. The new generation is built on the builder's thread and
 * put in force in one step, or, when anything is wrong with it, not at all. Work in flight goes on as it began; limits,
 * pauses, queues and connections are the lanes', and stay.
 *
 * Reloads asked for while one is being built wait for the next: each asker is told of a build that began after it
 * asked.
 */
#ifndef ANZOL_HOST_RELOAD_H
#define ANZOL_HOST_RELOAD_H

#include "host/builder.h"
#include "host/intake.h"
#include "script/changes.h"

struct reload_result {         /* valid during the callback */
    const struct err *failure; /* NULL: what was loaded is in force; ERR_INPUT 422: there are mistakes in the scripts */
    bool read;                 /* the files were read anew */
    struct bytes lines;        /* the mistakes, or warnings, one a line */
    const struct changes *changes; /* NULL of a failure */
    int64_t took_us;               /* from the beginning of the build until it was in force */
};
typedef void reload_done(void *ud, const struct reload_result *r);
typedef void reload_dropped(void *ud);

struct reload_request;

struct reload {
    struct env *env;
    struct builder *builder; /* set by the owner */
    struct intake *intake;   /* whose scripts, dispatch and runs */
    const char *const *env_files;
    size_t env_file_count;
    struct seen seen; /* what was read last, whether it loaded or not */
    struct build build;
    bool building;
    bool starting;                             /* the next build */
    bool look;                                 /* something may have changed: another build, if so */
    struct reload_request *asked, **asked_end; /* for the next build */
    struct reload_request *serving;            /* by the one under way */
    int64_t began_ns;
    /* The files change still: a build that nobody asked for is not used, and reload_look() will follow. May be NULL. */
    bool (*unsettled)(void *ud);
    /* A build has ended, and those who asked were told. May be NULL. */
    void (*on_end)(void *ud, const struct reload_result *r);
    void *ud;
    struct removed *removed; /* being counted */
    uint64_t loaded, failed; /* builds, since the start */
    int64_t failed_ms;       /* when the last one failed; 0: it did not */
    struct buf mistakes;     /* its lines */
};

void reload_init(struct reload *r, struct env *env, struct intake *intake);
/* After the builder has stopped. Those who asked are told that nothing comes of it by their `dropped`. */
void reload_fini(struct reload *r);
/* `by`: who asks, for the log; copied. `done` is called once, at once or later, or `dropped` (each may be NULL).
 * -1: memory, neither is. */
int reload_ask(struct reload *r, const char *by, reload_done *done, reload_dropped *dropped, void *ud, struct err *e);
/* Loads if the files are others than those that were read last. */
void reload_look(struct reload *r);

#endif
