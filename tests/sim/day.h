/*
 * day: one simulated day, in a process of its own.
 */
#ifndef ANZOL_SIM_DAY_H
#define ANZOL_SIM_DAY_H

#include "plan.h"
#include "world.h"

#include <sys/types.h>

struct outcome { /* of one world; in memory that parent and child share */
    bool done, failed;
    char failure[512];
    uint64_t hash; /* of all that left: two runs of one seed are alike */
    size_t deliveries, attempts, runs;
    int64_t crashes, starts, age_ns;
    uint64_t changes; /* of the disk */
};

struct day { /* one world to be run */
    uint64_t seed;
    uint8_t omitted[PLAN_MAX];
    uint64_t crash_at; /* the disk's change; 0: none but the plan's */
    bool power;
    bool trace; /* on stderr */
    enum plant plant;
};

/* For so many outcomes, in memory that children share. */
struct outcome *day_outcomes(size_t count);
/* Its process; `out` is filled as it ends, … */
pid_t day_begin(const struct day *d, struct outcome *out);
/* … and once more with its status: a world that did not come to its own end failed too. */
void day_ended(struct outcome *out, int status);
/* The whole of it. */
void day_run(const struct day *d, struct outcome *out);

#endif
