/*
 * thread: starting one, and waiting by the monotonic clock.
 */
#ifndef ANZOL_STORE_THREAD_H
#define ANZOL_STORE_THREAD_H

#include "core/err.h"

#include <pthread.h>
#include <stdint.h>

int64_t thread_mono_ns(void);
int64_t thread_wall_ms(void);
/* A condition variable that thread_wait() can wait on. 0, or an errno. */
int thread_cond_init(pthread_cond_t *c);
/* Waits until signalled, or `until_ns` on the monotonic clock; INT64_MAX: for ever. May wake early. */
void thread_wait(pthread_cond_t *c, pthread_mutex_t *m, int64_t until_ns);

/* Every signal is blocked in it: they are the loop's. `name`: what top and gdb call it, 15 bytes at most. ERR_MEMORY
 * also where the user has too many: it is not told apart. */
int thread_start(pthread_t *t, const char *name, void *(*run)(void *), void *arg, struct err *e);

#endif
