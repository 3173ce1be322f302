#include "disk_file.h"

#include <string.h>

const char *disk_search(struct disk *d, const void *what, size_t len)
{
    const char *name = NULL;
    pthread_mutex_lock(&d->mutex);
    for (const struct disk_file *f = d->files; f != NULL && name == NULL; f = f->next)
        if (f->now.len > 0 && memmem(f->now.data, f->now.len, what, len) != NULL)
            name = f->name;
    pthread_mutex_unlock(&d->mutex);
    return name;
}
