/*
 * task: one run of a flow in memory: its coroutines and what its journal says. It is given the journal, then goes as
 * far as it can: until it waits, ends, or asks for another step than the journal holds.
 *
 * What it does goes to the sink of task_go(): deliveries first, then the step they belong to. Nothing of it has
 * happened until the owner has written it down. Each stretch between two steps has a CPU budget of its own
 * (STATE_RENDER_MS). A task keeps its generation.
 */
#ifndef ANZOL_SCRIPT_TASK_H
#define ANZOL_SCRIPT_TASK_H

#include "core/attempt.h"
#include "script/generation.h"

struct task;

struct task_start { /* copied */
    struct uuid id;
    struct bytes flow;
    struct bytes envelope; /* of the event that started it */
    struct uuid event_id;
    int64_t started_ms;
};

/* A step of the journal, or the end of an open one; copied. */
struct task_entry {
    int number;
    enum step_kind kind;
    struct bytes path, name;
    int64_t ended_ms; /* 0: open */
    struct bytes result;
    const struct uuid *delivery;  /* NULL: none */
    const struct attempt *answer; /* NULL: none */
};

/*
 * MORE: it has gone on for long enough; what it asked for is to be written down before it is let go on. MEMORY: Lua has
 * no more, STARVED: the process has none; the task is of no use, the run may be replayed when others have let go of
 * theirs.
 */
enum task_end { TASK_WAITING, TASK_MORE, TASK_MEMORY, TASK_STARVED, TASK_SUCCEEDED, TASK_FAILED, TASK_PARKED };

/* -1: ERR_SCRIPT, as when the scripts have no such flow (task_is_full() tells that apart), or ERR_MEMORY. */
int task_new(struct generation *g, const struct task_start *s, struct task **out, struct err *e);
/* Whether a failure of these functions was that Lua has come to its cap. */
bool task_is_full(const struct err *e);
void task_free(struct task *t); /* NULL is fine */
int task_put(struct task *t, const struct task_entry *s, struct err *e);
/*
 * Goes on. `text` gets the message of FAILED, PARKED, MEMORY and STARVED, or the JSON that a SUCCEEDED one returned
 * (may stay empty).
 */
enum task_end task_go(struct task *t, const struct render_sink *sink, struct buf *text);
struct generation *task_generation(const struct task *t);

#endif
