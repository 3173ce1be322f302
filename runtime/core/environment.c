#include "core/environment.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

const char *environment_get(const char *name)
{
    pthread_mutex_lock(&mutex);
    const char *value = getenv(name);
    pthread_mutex_unlock(&mutex);
    return value;
}

int environment_add(const char *name, const char *value)
{
    pthread_mutex_lock(&mutex);
    int rc = setenv(name, value, 0), number = errno;
    pthread_mutex_unlock(&mutex);
    errno = number;
    return rc;
}
