#include "store/failure.h"

#include <stdlib.h>

/* Stands in when there is no memory to say what really happened. */
static struct store_failure no_memory = {.err = {.domain = ERR_MEMORY, .message = "out of memory"}};

struct store_failure *failure_new(const struct err *e)
{
    struct store_failure *f = malloc(sizeof *f);
    if (f != NULL)
        *f = (struct store_failure){.err = *e};
    return f;
}

void failure_settle(struct store_failure *f)
{
    if (f != NULL && f->refs == 0)
        free(f);
}

void failure_clear(struct store_failure **slot)
{
    struct store_failure *f = *slot;
    *slot = NULL;
    if (f != NULL && f != &no_memory && --f->refs == 0)
        free(f);
}

void failure_set(struct store_failure **slot, struct store_failure *f)
{
    failure_clear(slot);
    *slot = f != NULL ? f : &no_memory;
    if (f != NULL)
        f->refs++;
}

const struct err *failure_err(const struct store_failure *f)
{
    return f == NULL ? NULL : &f->err;
}
