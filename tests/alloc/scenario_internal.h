/*
 * scenario_internal: what the files of the scenario share: scenario_calls.c (the daemon, and what is asked of it),
 * scenario_phases.c (what it lives through), scenario_check.c (what must have happened). Those that return int: 0, or
 * -1 with a finding.
 */
#ifndef ALLOC_SCENARIO_INTERNAL_H
#define ALLOC_SCENARIO_INTERNAL_H

#include "scenario.h"

enum { TRIES = 400, PAUSE_US = 3000, POLL_US = 500, WAIT_POLLS = 40000 };

/* `before` and `after` have all memory. */
struct phase {
    const char *name;
    bool down; /* the daemon does not run before it */
    int (*before)(struct scenario *);
    int (*during)(struct scenario *);
    int (*after)(struct scenario *);
};
extern const struct phase scenario_phases[SCENARIO_PHASES];

/* --- scenario_calls.c */
/* Keeps the first finding. Always -1. */
int scenario_find(struct scenario *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
int scenario_find_death(struct scenario *s, const char *when);
/* 0: it is up, or was refused. */
int scenario_start(struct scenario *s);
int scenario_start_surely(struct scenario *s);
int scenario_stop(struct scenario *s);
/* Asks until the status is `want`: what may come instead is 500, 503, or the end of the connection. */
int scenario_ask(struct scenario *s, const char *method, const char *path, const char *type, const char *body,
                 int want);
int scenario_event(struct scenario *s, const char *name, const char *id);
/* From now on it must arrive. Twice is once. */
void scenario_acknowledge(struct scenario *s, const char *webhook, const char *id);

/* --- scenario_check.c */
/* All that was acknowledged has arrived. */
int scenario_settle(struct scenario *s);
/* Nothing came twice without the key; no delivery ended as it should not; every run has succeeded. */
int scenario_check(struct scenario *s);

#endif
