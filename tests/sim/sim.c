/*
 * sim: simulated days. Each seed is a world of its own, in a process of its own; see README.md.
 */
#include "clients.h"
#include "oracle.h"
#include "plan.h"
#include "plant.h"
#include "rates.h"
#include "settle.h"
#include "world.h"

#include <errno.h>
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
enum { JOBS_MAX = 64, SHRINK_RUNS = 400 };

struct outcome { /* of one world; in memory that parent and child share */
    bool done, failed;
    char failure[512];
    uint64_t hash; /* of all that left: two runs of one seed are alike */
    size_t deliveries, attempts, runs;
    int64_t crashes, starts, age_ns;
};

static struct {
    uint64_t seed, seeds;
    int jobs;
    bool trace, shrink, planted;
    enum plant plant;
    const char *only;
} options = {.seed = 1, .seeds = 1, .jobs = 1, .shrink = true};

/* --- one world ---------------------------------------------------------------------------------------------------- */

static void run_world(uint64_t seed, const uint8_t *omitted, struct outcome *out)
{
    setenv("SIM_TOKEN", SIM_SECRET, 1);
    dice_seed(seed);
    (void)plan_make();
    world.trace = options.trace;
    world.plant = options.plant;
    if (world_begin() != 0)
        _exit(3);
    scripts_write((int)dice_below(DICE_PLAN, SIM_VARIANTS));
    world.keep_ms = dice_chance(DICE_PLAN, 0.25) ? DAY_NS / NS_PER_MS / 2 : 0;
    plan_schedule(omitted);
    world_run(clock_now_ns() + DAY_NS);
    struct settled n = {0};
    if (!world.failed)
        n = settle();
    out->age_ns = clock_age_ns();
    world_end();
    out->failed = world.failed;
    memcpy(out->failure, world.failure, sizeof out->failure);
    out->hash = oracle_hash();
    out->deliveries = n.deliveries;
    out->attempts = n.attempts;
    out->runs = n.runs;
    out->crashes = world.crashes;
    out->starts = world.starts;
    out->done = true;
}

static pid_t begin(uint64_t seed, const uint8_t *omitted, struct outcome *out)
{
    *out = (struct outcome){0};
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(3);
    }
    if (child == 0) {
        run_world(seed, omitted, out);
        fflush(NULL);
        _exit(0);
    }
    return child;
}

/* A world that did not come to its own end failed too. */
static void note_end(struct outcome *out, int status)
{
    if (out->done)
        return;
    out->failed = true;
    if (WIFSIGNALED(status))
        snprintf(out->failure, sizeof out->failure, "died: signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(out->failure, sizeof out->failure, "died: exit code %d", WEXITSTATUS(status));
}

static void run_alone(uint64_t seed, const uint8_t *omitted, struct outcome *out)
{
    int status = 0;
    pid_t child = begin(seed, omitted, out);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    note_end(out, status);
}

static struct outcome *shared(size_t count)
{
    struct outcome *o = mmap(NULL, count * sizeof *o, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (o == MAP_FAILED) {
        perror("mmap");
        exit(3);
    }
    return o;
}

/* --- a smaller trace that fails alike ----------------------------------------------------------------------------- */

/* "rate: …" and "rate: …" are alike. */
static bool alike(const char *a, const char *b)
{
    size_t n = strcspn(a, ":");
    return strncmp(a, b, n + 1) == 0;
}

/* Leaves out pieces of the plan, smaller and smaller ones (Zeller and Hildebrandt, delta debugging), while it fails
 * alike. */
static size_t shrink(uint64_t seed, uint8_t *omitted, size_t count, const struct outcome *first)
{
    struct outcome *o = shared(1);
    uint8_t tried[PLAN_MAX];
    int runs = 0;
    for (size_t piece = count / 2 > 0 ? count / 2 : 1; runs < SHRINK_RUNS; piece = piece / 2) {
        for (size_t at = 0; at < count && runs < SHRINK_RUNS; at += piece) {
            memcpy(tried, omitted, sizeof tried);
            size_t end = at + piece < count ? at + piece : count, less = 0;
            for (size_t i = at; i < end; i++) {
                less += !tried[i];
                tried[i] = 1;
            }
            if (less == 0)
                continue;
            runs++;
            run_alone(seed, tried, o);
            if (o->failed && alike(first->failure, o->failure))
                memcpy(omitted, tried, sizeof tried);
        }
        if (piece == 1)
            break;
    }
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        left += !omitted[i];
    munmap(o, sizeof *o);
    return left;
}

static void report(uint64_t seed, const struct outcome *o, uint8_t *omitted)
{
    printf("seed %" PRIu64 ": %s\n", seed, o->failure);
    dice_seed(seed);
    size_t count = plan_make();
    if (!options.shrink)
        return;
    size_t left = shrink(seed, omitted, count, o);
    printf("  shrunk to %zu of %zu: --seed %" PRIu64 " --only ", left, count, seed);
    const char *comma = "";
    for (size_t i = 0; i < count; i++)
        if (!omitted[i]) {
            printf("%s%zu", comma, i);
            comma = ",";
        }
    printf("%s\n", left == 0 ? "none" : "");
    for (size_t i = 0; i < count; i++)
        if (!omitted[i])
            plan_print(i);
    fflush(stdout);
}

/* --- many worlds -------------------------------------------------------------------------------------------------- */

struct totals {
    size_t worlds, failed, deliveries, attempts, runs;
    int64_t crashes, starts;
    double days;
    uint64_t first_failed;
};

static void count(struct totals *t, uint64_t seed, const struct outcome *o)
{
    t->worlds++;
    t->deliveries += o->deliveries;
    t->attempts += o->attempts;
    t->runs += o->runs;
    t->crashes += o->crashes;
    t->starts += o->starts;
    t->days += (double)o->age_ns / (double)DAY_NS;
    if (o->failed && t->failed++ == 0)
        t->first_failed = seed;
}

/* Which of the actions are left out: all but those that --only names. */
static void read_only(uint8_t *omitted)
{
    if (options.only == NULL)
        return;
    memset(omitted, 1, PLAN_MAX);
    for (const char *p = options.only; *p >= '0' && *p <= '9';) {
        char *end;
        unsigned long n = strtoul(p, &end, 10);
        if (n < PLAN_MAX)
            omitted[n] = 0;
        p = *end == ',' ? end + 1 : end;
    }
}

static void run_all(struct totals *t)
{
    static uint8_t omitted[PLAN_MAX];
    struct outcome *o = shared(JOBS_MAX);
    pid_t pids[JOBS_MAX] = {0};
    uint64_t seeds[JOBS_MAX], next = options.seed, end = options.seed + options.seeds;
    int running = 0;
    while (next < end || running > 0) {
        for (int i = 0; i < options.jobs && next < end; i++)
            if (pids[i] == 0) {
                memset(omitted, 0, sizeof omitted);
                read_only(omitted);
                seeds[i] = next++;
                pids[i] = begin(seeds[i], omitted, &o[i]);
                running++;
            }
        int status = 0;
        pid_t pid = waitpid(-1, &status, 0);
        for (int i = 0; i < options.jobs; i++) {
            if (pid <= 0 || pids[i] != pid)
                continue;
            pids[i] = 0;
            running--;
            note_end(&o[i], status);
            count(t, seeds[i], &o[i]);
            if (o[i].failed && options.planted) {
                next = end; /* found */
            } else if (o[i].failed)
                report(seeds[i], &o[i], omitted);
        }
    }
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

/* Twice the same seed: nothing but the seed decides. */
static int check_replay(void)
{
    static const uint8_t none[PLAN_MAX];
    struct outcome *o = shared(2);
    run_alone(options.seed, none, &o[0]);
    run_alone(options.seed, none, &o[1]);
    bool same = o[0].hash == o[1].hash && o[0].age_ns == o[1].age_ns;
    printf("seed %" PRIu64 " twice: %s\n", options.seed, same ? "the same" : "NOT the same");
    return same ? 0 : 1;
}

static int check_planted(void)
{
    struct totals t = {0};
    options.planted = true;
    run_all(&t);
    if (t.failed == 0) {
        printf("planted bug '%s': NOT found with %zu seeds\n", plant_name(options.plant), t.worlds);
        return 1;
    }
    static const uint8_t none[PLAN_MAX];
    struct outcome *o = shared(1);
    run_alone(t.first_failed, none, o);
    printf("planted bug '%s': found with seed %" PRIu64 ": %s\n", plant_name(options.plant), t.first_failed,
           o->failure);
    return 0;
}

/* --- the command line --------------------------------------------------------------------------------------------- */

static const char usage[] =
    "sim --seed N [--seeds COUNT] [--jobs N] [--trace] [--only N,N,…] [--no-shrink] [--replay]\n"
    "    [--plant drop|double|leak|early|keyless]\n";

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
        case 'r':
            mode = 'r';
            break;
        default:
            return -1;
        }
    if (options.jobs < 1 || options.jobs > JOBS_MAX)
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

int main(int argc, char **argv)
{
    same_addresses(argv);
    int mode = read_options(argc, argv);
    if (mode < 0) {
        fputs(usage, stderr);
        return 2;
    }
    if (mode == 'r')
        return check_replay();
    if (mode == 'p')
        return check_planted();
    struct totals t = {0};
    double began = seconds();
    run_all(&t);
    print_totals(&t, seconds() - began);
    return t.failed == 0 ? 0 : 1;
}
