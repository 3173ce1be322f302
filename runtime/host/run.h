/*
 * run: one run of a flow in memory: its task, the steps it waits for, and the write of what it did last.
 */
#ifndef ANZOL_HOST_RUN_H
#define ANZOL_HOST_RUN_H

#include "host/outbox.h"
#include "host/runs.h"
#include "script/task.h"

struct turn;

struct open_step { /* waited for */
    int number;
    enum step_kind kind;
    int64_t due_ms;          /* 0: none */
    int64_t ended_ms;        /* its time was up, or it is done: not written down yet */
    bool asked;              /* MANAGE: it is being done */
    struct bytes path, name; /* allocated */
    struct bytes result;     /* MANAGE, done: allocated */
    struct bytes match;      /* WAIT: allocated */
};

struct run_key {      /* that waits of the run have ended by */
    struct bytes key; /* allocated */
    int64_t seq;      /* of the last event */
};

struct run {
    struct run *chain;     /* in the table */
    struct run_list *list; /* the idle or the fresh ones it is among; NULL: neither */
    struct run *prev, *next;
    int64_t idle_ns;    /* since when it waits */
    struct bytes input; /* of a fresh one: allocated */
    size_t input_len;
    struct runs *runs;
    int64_t seq;
    struct uuid id, event_id;
    int64_t script;
    int64_t created_ms;
    char *flow;
    struct task *task;
    int steps;      /* in the journal, with what is being written */
    int written;    /* of them committed */
    size_t bytes;   /* of the event and the last answer it was given: what it may hold in memory */
    size_t journal; /* of all answers and results it was given */
    int64_t mark;   /* of its last committed advance */
    int seen;       /* ends from outside that the task was told */
    struct open_step *open;
    size_t open_count, open_cap;
    struct run_key *keys;
    size_t key_count;
    struct turn *turn; /* being committed; NULL: idle */
    bool told;         /* something new since the turn: it goes on when that is committed */
    bool stale;        /* the store knows more than it: out of memory, and read again */
    bool dropped;      /* canceled while its turn was being committed */
    bool stopping;     /* its last turn could not be written: it is being stopped */
    bool was_due;      /* it was read as one that is due: counted in due_writing during the first turn */
};

void run_list_push(struct run_list *l, struct run *r);
/* Takes it out of the list it is in; none is fine. */
void run_list_remove(struct run *r);

/* A run as the store has it; the task is still to be made. NULL: memory. */
struct run *run_new(struct runs *rs, const struct store_run *row);
void run_free(struct run *r);
/* What it was given with the end of a step. */
void run_count(struct run *r, struct bytes result, const struct attempt *answer);
/* Copies the event that starts it. -1: memory. */
int run_keep_input(struct run *r, struct bytes input);
/* Notes a step that is waited for. -1: memory. */
int run_open(struct run *r, const struct store_step *s);
/* What a time that is up gives: no event. */
extern const struct bytes RUN_NOTHING;
/* The last event that ended a wait for `key`; 0: none. */
int64_t run_last_event(const struct run *r, struct bytes key);
/* A wait for `key` has ended by that event: a later one is not ended by it again. -1: memory. */
int run_note_event(struct run *r, struct bytes key, int64_t seq);
struct open_step *run_find(struct run *r, int number);
/* Forgets it. */
void run_close(struct run *r, struct open_step *s);
/* It is done: the task is told, the result (copied) written down with what comes of it. -1: as task_put(). */
int run_done(struct run *r, struct open_step *s, int64_t now_ms, struct bytes result, struct err *e);
/* The next of its steps that are to be done for it (STEP_MANAGE) and have not been asked for; NULL: none. */
struct open_step *run_to_ask(struct run *r);
/* Whether one of these is open: it must stay in memory. */
bool run_is_managing(const struct run *r);
/* The earliest time it waits for; 0: none. */
int64_t run_due(const struct run *r);
/* Ends the steps whose time is up. Returns whether there were any; -1: as task_put(). */
int run_time_up(struct run *r, int64_t now_ms, struct err *e);

#endif
