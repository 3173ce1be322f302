/*
 * child: processes of the alloc sweep and the simulator that leave nothing behind, whether these end by themselves
 * or by SIGTERM, SIGINT or SIGHUP.
 */
#ifndef ANZOL_TESTS_CHILD_H
#define ANZOL_TESTS_CHILD_H

#include <sys/types.h>

/* As fork(); the child is killed when its parent ends. */
pid_t child_fork(void);

/*
 * Runs `work` in a child and waits for it: its exit code, or -1. SIGTERM, SIGINT and SIGHUP end the child with its
 * process group, and whatever comes of them; then `cleanup` is called with nobody left, and this process ends by the
 * signal.
 */
int child_guarded(int (*work)(void *ud), void (*cleanup)(void *ud), void *ud);

#endif
