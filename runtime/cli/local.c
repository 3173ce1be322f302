#include "cli/local.h"

#include "core/secrets.h"
#include "core/units.h"
#include "script/generation.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int64_t wall_ms(void *ud)
{
    (void)ud;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}

/* These ids are shown, never sent. */
static struct uuid new_id(void *ud)
{
    struct local *l = ud;
    uint8_t random[10] = {0};
    while (getrandom(random, sizeof random, 0) < 0 && errno == EINTR)
        ;
    return uuid_next(&l->ids, wall_ms(NULL), random);
}

int local_load(struct local *l, const struct local_options *o, struct buf *errors, struct err *e)
{
    *l = (struct local){.secrets = secrets_new(e)};
    log_init(&l->log, STDERR_FILENO);
    outlet_be_patient(&l->log.outlet); /* a pager shows all of it, however long one reads */
    if (l->secrets == NULL)
        return -1;
    l->log.secrets = l->secrets;
    for (size_t i = 0; i < o->env_file_count; i++)
        if (secrets_read_env_file(o->env_files[i], e) != 0)
            return -1;
    const struct generation_options g = {
        .paths = o->paths,
        .path_count = o->path_count,
        .secrets = l->secrets,
        .secrets_optional = o->secrets_optional,
        .log = &l->log,
        .new_id = new_id,
        .wall_ms = wall_ms,
        .ud = l,
    };
    return generation_load(&g, &l->generation, errors, e);
}

void local_fini(struct local *l)
{
    generation_unref(l->generation);
    log_fini(&l->log);
    secrets_free(l->secrets);
}
