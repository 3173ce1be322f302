/*
 * slab: small blocks of memory for one user who makes and drops many of them and knows their sizes, as a Lua state
 * does.
 *
 * Blocks of up to SLAB_MAX bytes come from one region of address space, from a list of free ones for each size; what
 * does not fit, or when the region is used up, is malloc()'s. The region costs memory only where it has been used, and
 * goes back as a whole. One thread at a time.
 */
#ifndef ANZOL_CORE_SLAB_H
#define ANZOL_CORE_SLAB_H

#include <stddef.h>

enum { SLAB_MAX = 256, SLAB_STEP = 16 };

struct slab {
    char *region, *unused, *end;                  /* all NULL: there is none, malloc() does it all */
    struct slab_free *free[SLAB_MAX / SLAB_STEP]; /* blocks of (i + 1) * SLAB_STEP bytes */
};

/* `size` bytes of address space; 0: none. */
void slab_init(struct slab *s, size_t size);
/* All blocks in the region are gone with it; others must have been given back. */
void slab_fini(struct slab *s);

/* realloc() for blocks whose size is known: `block` NULL makes one, `size` is over 0. NULL: no memory, `block` is as it
 * was. */
void *slab_resize(struct slab *s, void *block, size_t old, size_t size);
void slab_give(struct slab *s, void *block, size_t size); /* `block` may be NULL */

#endif
