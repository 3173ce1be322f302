#include "core/environment.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What was added, not put into the process's own environment: others read that without a lock, as libc itself does. */
struct variable {
    struct variable *next;
    char *name, *value;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct variable *added;

/* With the mutex held. */
static const char *find(const char *name)
{
    const char *value = getenv(name);
    for (const struct variable *v = added; value == NULL && v != NULL; v = v->next)
        if (strcmp(v->name, name) == 0)
            value = v->value;
    return value;
}

const char *environment_get(const char *name)
{
    pthread_mutex_lock(&mutex);
    const char *value = find(name);
    pthread_mutex_unlock(&mutex);
    return value;
}

static struct variable *variable_new(const char *name, const char *value)
{
    struct variable *v = calloc(1, sizeof *v);
    if (v == NULL)
        return NULL;
    v->name = strdup(name);
    v->value = strdup(value);
    if (v->name != NULL && v->value != NULL)
        return v;
    free(v->name);
    free(v->value);
    free(v);
    return NULL;
}

int environment_add(const char *name, const char *value)
{
    int rc = 0;
    pthread_mutex_lock(&mutex);
    if (find(name) == NULL) {
        struct variable *v = variable_new(name, value);
        if (v != NULL) {
            v->next = added;
            added = v;
        } else
            rc = -1;
    }
    pthread_mutex_unlock(&mutex);
    if (rc != 0)
        errno = ENOMEM;
    return rc;
}
