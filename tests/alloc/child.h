/*
 * child: processes that leave nothing behind, however this program ends.
 */
#ifndef ALLOC_CHILD_H
#define ALLOC_CHILD_H

#include <sys/types.h>

/* As fork(); the child is killed when its parent ends. */
pid_t child_fork(void);

/*
 * Runs `work` in a child and waits for it: its exit code, or -1. SIGTERM, SIGINT and SIGHUP end the child, and whatever
 * comes of it; then `cleanup` is called with nobody left, and this process ends by the signal.
 */
int child_guarded(int (*work)(void *ud), void (*cleanup)(void *ud), void *ud);

#endif
