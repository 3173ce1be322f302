/*
 * sim: simulated days. Each seed is a world of its own, in a process of its own; see README.md.
 */
#include "child.h"
#include "day.h"
#include "dice.h"
#include "place.h"
#include "plant.h"
#include "shrink.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int64_t DAY_NS = 24 * 3600 * NS_PER_S;
enum { JOBS_MAX = 64, SWEEP_ACTIONS = 40 };

static struct {
    uint64_t seed, seeds;
    uint64_t every; /* of a sweep: only each n-th */
    uint64_t crash_at;
    bool power;
    int jobs;
    bool trace, shrink;
    enum plant plant;
    const char *only;
} options = {.seed = 1, .seeds = 1, .every = 1, .jobs = 1, .shrink = true};

/* --- many worlds -------------------------------------------------------------------------------------------------- */

struct totals {
    size_t worlds, failed, died, deliveries, attempts, runs;
    int64_t crashes, starts;
    double days;
    uint64_t changes; /* of the last one */
};

static void count(struct totals *t, const struct outcome *o)
{
    t->worlds++;
    t->deliveries += o->deliveries;
    t->attempts += o->attempts;
    t->runs += o->runs;
    t->crashes += o->crashes;
    t->starts += o->starts;
    t->days += (double)o->age_ns / (double)DAY_NS;
    t->failed += o->failed;
    t->died += !o->done;
    t->changes = o->changes;
}

/* All but what --only names. */
static void read_only(struct day *d)
{
    if (options.only == NULL)
        return;
    memset(d->omitted, 1, sizeof d->omitted);
    for (const char *p = options.only; *p >= '0' && *p <= '9';) {
        char *end;
        unsigned long n = strtoul(p, &end, 10);
        if (n < PLAN_MAX)
            d->omitted[n] = 0;
        p = *end == ',' ? end + 1 : end;
    }
}

static struct job {
    pid_t pid; /* 0: idle */
    struct day day;
    struct outcome *outcome;
} jobs[JOBS_MAX];

/* True: it was the last one that is of interest. */
static bool end_job(struct job *j, int status, struct totals *t)
{
    j->pid = 0;
    day_ended(j->outcome, status);
    count(t, j->outcome);
    if (j->outcome->failed)
        shrink_report(&j->day, j->outcome, options.shrink);
    return j->outcome->failed && options.plant != PLANT_NONE;
}

static void wait_for_one(struct totals *t, int *running, uint64_t *next, uint64_t end)
{
    int status = 0;
    pid_t pid = waitpid(-1, &status, 0);
    for (int i = 0; i < options.jobs; i++) {
        if (pid <= 0 || jobs[i].pid != pid)
            continue;
        --*running;
        if (end_job(&jobs[i], status, t))
            *next = end;
    }
}

/* Days 0 to `days`, as `make` makes them; some at a time. */
static void run_all(uint64_t days, void (*make)(struct day *d, uint64_t i), struct totals *t)
{
    struct outcome *o = day_outcomes(JOBS_MAX);
    uint64_t next = 0;
    int running = 0;
    while (next < days || running > 0) {
        for (int i = 0; i < options.jobs && next < days; i++) {
            if (jobs[i].pid != 0)
                continue;
            jobs[i].outcome = &o[i];
            jobs[i].day = (struct day){.trace = options.trace, .plant = options.plant};
            make(&jobs[i].day, next++);
            jobs[i].pid = day_begin(&jobs[i].day, jobs[i].outcome);
            running++;
        }
        wait_for_one(t, &running, &next, days);
    }
    munmap(o, JOBS_MAX * sizeof *o);
}

static void make_seed(struct day *d, uint64_t i)
{
    d->seed = options.seed + i;
    d->crash_at = options.crash_at;
    d->power = options.power;
    read_only(d);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print_totals(const struct totals *t, double took)
{
    printf("%zu seeds (%" PRIu64 " to %" PRIu64
           "), %.0f simulated days, %zu deliveries, %zu attempts, %zu runs of flows, "
           "%" PRId64 " crashes, %" PRId64 " starts: %zu with a violation; %.1f s, %.2f seeds/s\n",
           t->worlds, options.seed, options.seed + options.seeds - 1, t->days, t->deliveries, t->attempts, t->runs,
           t->crashes, t->starts, t->failed, took, (double)t->worlds / took);
}

static int run_seeds(void)
{
    struct totals t = {0};
    double began = seconds();
    run_all(options.seeds, make_seed, &t);
    print_totals(&t, seconds() - began);
    return t.failed == 0 ? 0 : 1;
}

/* Twice the same seed: nothing but the seed decides. */
static int check_replay(void)
{
    struct outcome *o = day_outcomes(2);
    struct day d = {.seed = options.seed};
    day_run(&d, &o[0]);
    day_run(&d, &o[1]);
    bool same = o[0].done && o[1].done && !o[0].failed && !o[1].failed && o[0].hash == o[1].hash &&
                o[0].age_ns == o[1].age_ns && o[0].changes == o[1].changes;
    printf("seed %" PRIu64 " twice: %s\n", options.seed, same ? "the same" : "NOT the same");
    return same ? 0 : 1;
}

static int check_planted(void)
{
    struct totals t = {0};
    printf("planted bug '%s':\n", plant_name(options.plant));
    run_all(options.seeds, make_seed, &t);
    bool found = t.failed > t.died;
    printf("planted bug '%s': %s\n", plant_name(options.plant), found ? "found" : "NOT found");
    return found ? 0 : 1;
}

/* The plan's first actions, without what goes wrong by itself; and the host dies before one change of the disk, … */
static void make_sweep(struct day *d, uint64_t i)
{
    d->seed = options.seed;
    dice_seed(d->seed);
    size_t n = plan_make();
    plan_omit_faults(d->omitted);
    for (size_t at = 0, left = SWEEP_ACTIONS; at < n; at++)
        if (!d->omitted[at] && left-- == 0) {
            memset(d->omitted + at, 1, n - at);
            break;
        }
    d->crash_at = i / 2 * options.every;
    d->power = i % 2 == 1;
}

/* … each of them, once by a kill and once by a power cut. */
static int sweep(void)
{
    struct totals first = {0}, t = {0};
    double began = seconds();
    run_all(1, make_sweep, &first);
    run_all(2 * (first.changes / options.every + 1), make_sweep, &t);
    printf("seed %" PRIu64 ": killed, and the power cut, before each of %" PRIu64
           " changes of the disk: %zu runs, %zu with a "
           "violation; %.1f s\n",
           options.seed, first.changes, t.worlds, t.failed, seconds() - began);
    return t.failed == 0 ? 0 : 1;
}

/* --- the command line --------------------------------------------------------------------------------------------- */

static const char usage[] =
    "sim --seed N [--seeds COUNT] [--jobs N] [--trace] [--only N,N,…] [--no-shrink] [--replay]\n"
    "    [--plant drop|double|leak|early|keyless|slow] [--sweep [--every N]] [--crash-at N [--power]]\n";

static int read_options(int argc, char **argv)
{
    static const struct option known[] = {{"seed", required_argument, NULL, 's'},
                                          {"seeds", required_argument, NULL, 'n'},
                                          {"jobs", required_argument, NULL, 'j'},
                                          {"trace", no_argument, NULL, 't'},
                                          {"only", required_argument, NULL, 'o'},
                                          {"no-shrink", no_argument, NULL, 'S'},
                                          {"replay", no_argument, NULL, 'r'},
                                          {"plant", required_argument, NULL, 'p'},
                                          {"sweep", no_argument, NULL, 'w'},
                                          {"every", required_argument, NULL, 'e'},
                                          {"crash-at", required_argument, NULL, 'c'},
                                          {"power", no_argument, NULL, 'P'},
                                          {NULL, 0, NULL, 0}};
    int mode = 0;
    for (int o; (o = getopt_long(argc, argv, "", known, NULL)) != -1;)
        switch (o) {
        case 's':
            options.seed = strtoull(optarg, NULL, 10);
            break;
        case 'n':
            options.seeds = strtoull(optarg, NULL, 10);
            break;
        case 'j':
            options.jobs = atoi(optarg);
            break;
        case 't':
            options.trace = true;
            break;
        case 'o':
            options.only = optarg;
            options.shrink = false;
            break;
        case 'S':
            options.shrink = false;
            break;
        case 'p':
            options.plant = plant_parse(optarg);
            mode = 'p';
            if (options.plant == PLANT_NONE)
                return -1;
            break;
        case 'c':
            options.crash_at = strtoull(optarg, NULL, 10);
            break;
        case 'P':
            options.power = true;
            break;
        case 'e':
            options.every = strtoull(optarg, NULL, 10);
            break;
        case 'r':
        case 'w':
            mode = o;
            break;
        default:
            return -1;
        }
    if (options.jobs < 1 || options.jobs > JOBS_MAX || options.every < 1)
        return -1;
    return mode;
}

/* Lua takes the seed of its hashes from addresses: they must be the same each time. */
static void same_addresses(char **argv)
{
    int now = personality(0xffffffff);
    if (now == -1 || (now & ADDR_NO_RANDOMIZE) != 0 || personality((unsigned long)now | ADDR_NO_RANDOMIZE) == -1)
        return;
    execv("/proc/self/exe", argv);
}

static int work(void *ud)
{
    int mode = *(int *)ud;
    if (mode == 'r')
        return check_replay();
    if (mode == 'p')
        return check_planted();
    if (mode == 'w')
        return sweep();
    return run_seeds();
}

static void leave(void *ud)
{
    (void)ud;
    place_remove();
}

int main(int argc, char **argv)
{
    same_addresses(argv);
    int mode = read_options(argc, argv);
    if (mode < 0) {
        fputs(usage, stderr);
        return 2;
    }
    if (place_make() != 0) {
        perror("sim: no folder");
        return 3;
    }
    int rc = child_guarded(work, leave, &mode);
    return rc < 0 ? 3 : rc;
}
