/*
 * memory: allocators for libraries that take one, because of what they do without memory.
 *
 * Jansson says "invalid token" of a text that it has no memory to read, and libcurl sends a URL without its query:
 * memory_alloc() and its like count what failed, so that their caller can tell. libev ends the process, and OpenSSL 3.0
 * reads through null pointers: memory_insist() waits until there is memory again, for ten seconds at most, then ends
 * the process with a line on stderr. That loses nothing: what was acknowledged is on disk.
 */
#ifndef ANZOL_CORE_MEMORY_H
#define ANZOL_CORE_MEMORY_H

#include <stddef.h>

/* malloc() and its like. */
void *memory_alloc(size_t size);
void *memory_zeroed(size_t count, size_t size);
void *memory_resize(void *block, size_t size);
char *memory_copy(const char *text);
/* How often they returned NULL on this thread so far. */
unsigned long memory_failures(void);

/* realloc() that does not fail; size 0: free(). */
void *memory_insist(void *block, size_t size);

#endif
