/*
 * scripts: the generation that new work starts under, and those that runs of flows started under before: each kept in
 * the store as text while runs need it, and loaded from there when one of these runs goes on.
 */
#ifndef ANZOL_HOST_SCRIPTS_H
#define ANZOL_HOST_SCRIPTS_H

#include "host/env.h"
#include "script/generation.h"

struct builder;
struct pinned;

struct scripts {
    struct env *env;
    struct builder *builder;
    struct generation_options options;
    struct generation *current; /* NULL: not loaded yet */
    uint64_t number;            /* of `current`: how many have been in force */
    int64_t seq;                /* under which the store has its text; 0: not at all, it has no flows */
    int64_t newest;             /* the newest in the store, … */
    char newest_hash[32];       /* … and its hash */
    struct pinned *pinned;      /* earlier ones, the last used first */
    /* An earlier generation is loaded now, is known not to load, or is to be asked for again (`g` NULL). */
    void (*on_found)(void *ud, const struct generation *g);
    void *ud;
    struct timer again;  /* after a read that failed, or a load that found no memory */
    struct timer let_go; /* of what was not used for a while */
    int64_t loaded_ms;   /* when `current` was */
};

/* `o`: how scripts are loaded; the views in it must stay. */
void scripts_init(struct scripts *s, struct env *env, struct builder *builder, const struct generation_options *o);
/* Reads and builds must have ended (the store is closed, the builder stopped), and tasks be freed. */
void scripts_fini(struct scripts *s);
/* The first load, before the store is open; scripts_keep() follows. -1: `errors` has the mistakes. */
int scripts_load(struct scripts *s, struct buf *errors, struct err *e);
/* What the store holds newest: told once, before scripts_keep(). */
void scripts_know(struct scripts *s, int64_t seq, struct bytes hash);
/* Has the current text written into the store when it has flows, unless it is the newest there. -1: memory. */
int scripts_keep(struct scripts *s, struct err *e);
/* Takes `g` over and makes it the current one. -1: memory; the old one stays, and `g` the caller's. */
int scripts_use(struct scripts *s, struct generation *g, struct err *e);
/*
 * The generation that the store has as `seq`. NULL: `*failure` says what is wrong with it (valid until the next call),
 * or is NULL: it is being read, or will be when there is memory; on_found() follows.
 */
struct generation *scripts_find(struct scripts *s, int64_t seq, const char **failure);
/* A failure is forgotten: the next scripts_find() tries again. */
void scripts_forget_failures(struct scripts *s);

#endif
