#include "host/runs_fresh.h"

#include "core/units.h"
#include "host/runs_internal.h"
#include "host/runs_load.h"

#include <stddef.h>

/* A run that has waited for long makes room for a new one: what it waits for may be a receiver that hangs. The others
 * are about to go on, and would have to be read again. */
static bool make_room(struct runs *rs)
{
    if (rs->idle.count < RUNS_IDLE_MAX)
        return true;
    int64_t since_ns = rs->idle.first->idle_ns, now_ns = rs->env->mono_ns();
    if (now_ns - since_ns >= RUNS_IDLE_MS * NS_PER_MS) {
        runs_drop(rs, rs->idle.first);
        return true;
    }
    timer_start(rs->env->timers, &rs->make_room, since_ns + RUNS_IDLE_MS * NS_PER_MS);
    return false;
}

void runs_fresh_begin(struct runs *rs)
{
    while (!rs->held && rs->fresh.first != NULL && rs->writing < RUNS_WRITING_MAX && make_room(rs)) {
        struct run *r = rs->fresh.first;
        int64_t seq = r->seq;
        struct store_run row = {.flow = bytes_of(r->flow), .input = r->input};
        runs_unlink(rs, r);
        if (runs_begin_one(rs, r, &row, NULL) != 0)
            runs_load_blocked(rs, seq);
    }
}

static void on_room(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    runs_load_next((struct runs *)((char *)t - offsetof(struct runs, make_room)));
}

int runs_fresh_keep(struct runs *rs, const struct store_run *row)
{
    if (rs->held || rs->fresh.count >= RUNS_FRESH_MAX || rs->fresh_bytes + row->input.len > RUNS_FRESH_BYTES)
        return -1;
    struct run *r = run_new(rs, row);
    if (r == NULL || run_keep_input(r, row->input) != 0) {
        if (r != NULL)
            run_free(r);
        return -1;
    }
    rs->fresh_bytes += row->input.len;
    run_list_push(&rs->fresh, r);
    runs_add(rs, r);
    return 0;
}

void runs_fresh_init(struct runs *rs)
{
    timer_init(&rs->make_room, on_room);
}
