/*
 * fault: the allocator of a process that runs short of memory at a chosen allocation.
 *
 * malloc, calloc, realloc and the aligned ones are those of this program, so whatever the process links allocates
 * through here: the runtime, libc, Lua, SQLite, libcurl, libmicrohttpd, libev, Jansson, OpenSSL. They are counted while
 * the block is armed; from the `at`-th on `length` of them fail. The block is shared memory, so that a driver in
 * another process arms it, and reads what failed after the process has died.
 */
#ifndef ALLOC_FAULT_H
#define ALLOC_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { FAULT_FRAMES = 40, FAULT_STACKS = 1 << 18 };

struct fault {
    atomic_bool armed;
    atomic_long count; /* allocations since fault_arm() */
    atomic_long at;    /* the first that fails, from 1; 0: none */
    atomic_long length;
    atomic_long failed;
    atomic_int depth; /* of the stack of the first that failed */
    void *stack[FAULT_FRAMES];
    atomic_bool record; /* keep a hash of the stack of each instead */
    uint64_t stacks[FAULT_STACKS];
};

/* In shared memory; NULL: none to be had. */
struct fault *fault_new(void);
/* From here on this process (and its children) looks at the block. */
void fault_enter(struct fault *f);
/* Counts from 1 again. */
void fault_arm(struct fault *f, long at, long length);
/* Returns how many there were. */
long fault_disarm(struct fault *f);
/* Of the stack of the first that failed. */
uint64_t fault_stack_hash(const struct fault *f);

#endif
