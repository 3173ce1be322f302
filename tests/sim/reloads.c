#include "reloads.h"

#include "rates.h"
#include "scripts.h"
#include "server.h"
#include "world.h"

#include <stdlib.h>

struct reload {
    int variant;
    bool alone; /* no other one is under way */
};

static int reloading;

static void on_reloaded(void *ud, int status, struct bytes json)
{
    struct reload *r = ud;
    reloading--;
    if (status == 200 && r->alone && reloading == 0)
        rates_are(r->variant);
    else if (status == 422 || status == 400)
        (void)scripts_settle();
    if (r->variant >= 0 && status != 200 && status != 0 && status != 503)
        violation("answer", "a reload is answered %d %.*s", status, (int)json.len, json.data);
    free(r);
}

void reloads_load(int variant)
{
    if (!server_is_open())
        return;
    if (variant >= 0) {
        note("scripts %d are loaded", variant);
        scripts_write(variant);
        rates_may_be(variant);
    } else {
        note("broken scripts are loaded");
        scripts_write_broken();
    }
    struct reload *r = world_alloc(sizeof *r);
    r->variant = variant;
    r->alone = reloading++ == 0;
    server_ops()->reload(server_ops_ud(), server_call(on_reloaded, r));
}
