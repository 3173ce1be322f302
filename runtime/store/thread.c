#include "store/thread.h"

#include "core/units.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

int64_t thread_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t thread_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}

int thread_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);
    if (rc != 0)
        return rc;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    rc = pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
    return rc;
}

void thread_wait(pthread_cond_t *c, pthread_mutex_t *m, int64_t until_ns)
{
    struct timespec t = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    if (until_ns == INT64_MAX)
        pthread_cond_wait(c, m);
    else
        (void)pthread_cond_timedwait(c, m, &t);
}

int thread_start(pthread_t *t, const char *name, void *(*run)(void *), void *arg, struct err *e)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(t, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == EAGAIN)
        return err_set(e, ERR_MEMORY, rc, "cannot start a thread: not enough memory, or too many threads of this user");
    if (rc != 0)
        return err_system(e, rc, "cannot start a thread");
    (void)pthread_setname_np(*t, name);
    return 0;
}
