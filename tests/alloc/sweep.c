/*
 * sweep: lets each allocation of the scenario fail once, and says what came of it.
 *
 *   sweep [--phase NAME] [--stride N] [--stacks] [--length N] [--jobs N] [--at N]
 *
 * --stacks takes the first allocation of each distinct call stack alone; --stride every N-th of what is left; --length
 * lets that many fail from there on; --at tries one and shows the daemon's log. Exit code 1: there were findings, or
 * nothing was tried.
 */
#include "child.h"
#include "files.h"
#include "scenario.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 16, RESULTS = SCENARIO_FINDING + 1, SEEN = 1 << 18, DRY_RUNS = 1 };

struct point {
    int phase;
    long at, length;
};

struct options {
    const char *phase;
    long stride, length, jobs, at;
    bool stacks;
};

/* Of all workers. */
struct shared {
    atomic_long next;
    atomic_long results[SCENARIO_PHASES][RESULTS];
    atomic_long missed; /* the phase made fewer allocations than that this time */
    atomic_uint_fast64_t seen[SEEN];
    atomic_long distinct;
};

struct points {
    struct point *items;
    size_t count, cap;
};

static bool see(struct shared *sh, uint64_t hash)
{
    for (size_t i = hash % SEEN, n = 0; n < SEEN; i = (i + 1) % SEEN, n++) {
        uint64_t empty = 0;
        if (sh->seen[i] == hash)
            return false;
        if (atomic_compare_exchange_strong(&sh->seen[i], &empty, hash)) {
            sh->distinct++;
            return true;
        }
    }
    return false;
}

/* --- which points ----------------------------------------------------------------------------------------------- */

static void add(struct points *ps, int phase, long at, long length)
{
    if (ps->count == ps->cap) {
        ps->cap = ps->cap == 0 ? 1024 : ps->cap * 2;
        ps->items = realloc(ps->items, ps->cap * sizeof *ps->items);
        if (ps->items == NULL)
            abort();
    }
    ps->items[ps->count++] = (struct point){phase, at, length};
}

/* Runs the phase with nothing failing, to know its allocations. */
static int plan_phase(struct points *ps, struct scenario *s, struct shared *sh, const struct options *o, int phase)
{
    long taken = 0, count;
    size_t before = ps->count;
    s->fault->record = o->stacks;
    if (scenario_run(s, phase, 0, 0) == SCENARIO_FINDING) {
        fprintf(stderr, "%s, with memory enough: %s\n%s", scenario_phase(phase), s->finding, daemon_log(&s->daemon));
        return -1;
    }
    s->fault->record = false;
    count = s->fault->count;
    for (long at = 1; at <= count; at++)
        if ((!o->stacks || at > FAULT_STACKS || see(sh, s->fault->stacks[at - 1])) && taken++ % o->stride == 0)
            add(ps, phase, at, o->length);
    printf("# %s: %ld allocations, %zu to try\n", scenario_phase(phase), count, ps->count - before);
    return 0;
}

static int plan(struct points *ps, struct scenario *s, struct shared *sh, const struct options *o)
{
    for (int phase = 0; phase < SCENARIO_PHASES; phase++)
        if ((o->phase == NULL || strcmp(o->phase, scenario_phase(phase)) == 0) && plan_phase(ps, s, sh, o, phase) != 0)
            return -1;
    memset(sh->seen, 0, sizeof sh->seen);
    sh->distinct = 0;
    return 0;
}

/* --- what came of it -------------------------------------------------------------------------------------------- */

/* The frames as functions and lines; those of libraries as addr2line's "??" and where they are. */
static void show_stack(const struct fault *f)
{
    char command[FAULT_FRAMES * 24 + 128], exe[256];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n < 0 || f->depth == 0)
        return;
    exe[n] = '\0';
    size_t len = (size_t)snprintf(command, sizeof command, "addr2line -spfe %.100s", exe);
    extern char __executable_start; /* of the linker: a position-independent program is wherever it was put */
    for (int i = 2; i < f->depth && i < FAULT_FRAMES; i++)
        len += (size_t)snprintf(command + len, sizeof command - len, " %lx",
                                (unsigned long)((char *)f->stack[i] - &__executable_start - 1));
    FILE *p = popen(command, "r");
    char line[256];
    while (p != NULL && fgets(line, sizeof line, p) != NULL)
        if (strncmp(line, "??", 2) != 0)
            printf("#     %s", line);
    if (p != NULL)
        pclose(p);
}

static void report(struct scenario *s, const struct point *p)
{
    const char *log = daemon_log(&s->daemon);
    printf("finding: %s %ld+%ld: %s\n", scenario_phase(p->phase), p->at, p->length, s->finding);
    show_stack(s->fault);
    for (int i = 0; i < s->receiver->count; i++)
        printf("#   received: %s\n", s->receiver->requests[i].path);
    for (const char *at = log; *at != '\0';) {
        int len = (int)strcspn(at, "\n");
        if (strstr(log, "ERROR: ") != NULL || strlen(at) < 2000)
            printf("#   | %.*s\n", len, at);
        at += len + (at[len] == '\n');
    }
    fflush(stdout);
}

static enum scenario_result try_point(struct scenario *s, struct shared *sh, const struct point *p)
{
    enum scenario_result r = scenario_run(s, p->phase, p->at, p->length);
    sh->results[p->phase][r]++;
    if (s->fault->failed == 0)
        sh->missed++;
    else
        (void)see(sh, fault_stack_hash(s->fault));
    if (r == SCENARIO_FINDING)
        report(s, p);
    return r;
}

static void work(struct points *ps, struct shared *sh, const char *folder, int number)
{
    struct scenario s;
    char own[80];
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    snprintf(own, sizeof own, "%.60s/%d", folder, number);
    if (scenario_init(&s, own) != 0)
        _exit(2);
    for (size_t i; (i = (size_t)sh->next++) < ps->count;) {
        (void)try_point(&s, sh, &ps->items[i]);
        if (isatty(STDERR_FILENO) && i % 100 == 0)
            fprintf(stderr, "\r%zu of %zu ", i, ps->count);
    }
    scenario_fini(&s);
    fflush(stdout);
    _exit(0);
}

static int sweep(struct points *ps, struct shared *sh, const char *folder, long jobs)
{
    int failed = 0;
    pid_t pids[JOBS_MAX];
    for (int i = 0; i < jobs; i++) {
        pids[i] = child_fork();
        if (pids[i] == 0)
            work(ps, sh, folder, i + 1);
    }
    for (int i = 0; i < jobs; i++) {
        int status = -1;
        failed += pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    return failed == 0 ? 0 : -1;
}

/* What makes it no sweep at all; NULL: it is one. */
static const char *nothing_shown(const struct shared *sh, size_t points, long tried)
{
    if (points == 0)
        return "no point to try";
    if (tried != (long)points)
        return "points that were not tried";
    return sh->missed == tried ? "no allocation failed" : NULL;
}

static int summarize(const struct shared *sh, size_t points, double seconds)
{
    long findings = 0, tried = 0;
    printf("%-9s %9s %9s %9s %9s\n", "phase", "unnoticed", "told", "refused", "findings");
    for (int i = 0; i < SCENARIO_PHASES; i++) {
        const atomic_long *r = sh->results[i];
        long of_phase = r[0] + r[1] + r[2] + r[3];
        if (of_phase > 0)
            printf("%-9s %9ld %9ld %9ld %9ld\n", scenario_phase(i), r[SCENARIO_UNNOTICED], r[SCENARIO_TOLD],
                   r[SCENARIO_REFUSED], r[SCENARIO_FINDING]);
        findings += r[SCENARIO_FINDING];
        tried += of_phase;
    }
    const char *missing = nothing_shown(sh, points, tried);
    bool ok = findings == 0 && missing == NULL;
    printf("%s - %zu points, %ld distinct stacks, %ld not reached, %ld findings, %.0f s%s%s\n", ok ? "ok" : "not ok",
           points, sh->distinct, sh->missed, findings, seconds, missing != NULL ? ": " : "",
           missing != NULL ? missing : "");
    return ok ? 0 : 1;
}

/* --- the program ------------------------------------------------------------------------------------------------ */

static int read_options(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"phase", 1, NULL, 'p'}, {"stride", 1, NULL, 's'}, {"stacks", 0, NULL, 'S'}, {"length", 1, NULL, 'l'},
        {"jobs", 1, NULL, 'j'},  {"at", 1, NULL, 'a'},     {NULL, 0, NULL, 0},
    };
    *o = (struct options){.stride = 1, .length = 1, .jobs = 2};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        long n = optarg == NULL ? 0 : atol(optarg);
        if (c == 'p')
            o->phase = optarg;
        else if (c == 'S')
            o->stacks = true;
        else if (c == '?' || n < 1)
            return -1;
        else
            *(c == 's' ? &o->stride : c == 'l' ? &o->length : c == 'j' ? &o->jobs : &o->at) = n;
    }
    return o->jobs <= JOBS_MAX ? 0 : -1;
}

/* 0 for none given. -1: there is no such phase, and it was said. */
static int phase_of(const char *name)
{
    for (int i = 0; i < SCENARIO_PHASES; i++)
        if (name == NULL || strcmp(scenario_phase(i), name) == 0)
            return i;
    fprintf(stderr, "no phase '%s'; there are:", name);
    for (int i = 0; i < SCENARIO_PHASES; i++)
        fprintf(stderr, " %s", scenario_phase(i));
    fputc('\n', stderr);
    return -1;
}

static int try_one(struct scenario *s, struct shared *sh, const struct options *o)
{
    static const char *const names[] = {"unnoticed", "told", "refused", "finding"};
    struct point p = {phase_of(o->phase), o->at, o->length};
    enum scenario_result r = try_point(s, sh, &p);
    printf("%s, %ld failed\n", names[r], (long)s->fault->failed);
    if (r != SCENARIO_FINDING)
        show_stack(s->fault);
    printf("%s", daemon_log(&s->daemon));
    return r == SCENARIO_FINDING || s->fault->failed == 0;
}

static int try_all(struct scenario *s, struct shared *sh, const struct options *o, const char *folder)
{
    struct points ps = {NULL, 0, 0};
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    if (plan(&ps, s, sh, o) != 0)
        return 2;
    int failed = sweep(&ps, sh, folder, o->jobs);
    clock_gettime(CLOCK_MONOTONIC, &to);
    int bad = summarize(sh, ps.count, (double)(to.tv_sec - from.tv_sec));
    free(ps.items);
    return failed != 0 ? 2 : bad;
}

struct whole {
    struct options options;
    char folder[32];
};

static int work_all(void *ud)
{
    struct whole *w = ud;
    struct scenario s;
    char own[64];
    struct shared *sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(own, sizeof own, "%s/0", w->folder);
    if (sh == MAP_FAILED || scenario_init(&s, own) != 0) {
        perror(own);
        return 2;
    }
    int rc = w->options.at > 0 ? try_one(&s, sh, &w->options) : try_all(&s, sh, &w->options, w->folder);
    scenario_fini(&s);
    return rc;
}

static void clean(void *ud)
{
    struct whole *w = ud;
    files_remove(w->folder);
}

int main(int argc, char **argv)
{
    struct whole w = {.folder = "/dev/shm/anzol-alloc-XXXXXX"};
    if (read_options(&w.options, argc, argv) != 0) {
        fprintf(stderr, "usage: sweep [--phase NAME] [--stride N] [--stacks] [--length N] [--jobs N] [--at N]\n");
        return 2;
    }
    if (phase_of(w.options.phase) < 0)
        return 2;
    if (mkdtemp(w.folder) == NULL) {
        perror(w.folder);
        return 2;
    }
    int rc = child_guarded(work_all, clean, &w);
    return rc < 0 ? 2 : rc;
}
