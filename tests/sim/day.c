#include "day.h"

#include "child.h"
#include "disk.h"
#include "faults.h"
#include "oracle.h"
#include "scripts.h"
#include "settle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t DAY_NS = 24 * 3600 * NS_PER_S;
enum { WORLD_MAX_S = 600 };

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
/* A host that was stopped at any moment leaves what its store was writing: the end of the process frees that. */
static void check_leaks(void)
{
    if (!world.failed && world.crashes == 0 && __lsan_do_recoverable_leak_check() != 0)
        violation("memory", "something leaks: see above");
}
#else
static void check_leaks(void)
{
}
#endif

static void run_world(const struct day *d, struct outcome *out)
{
    setenv("SIM_TOKEN", SIM_SECRET, 1);
    dice_seed(d->seed);
    (void)plan_make();
    world.trace = d->trace;
    world.plant = d->plant;
    if (world_begin() != 0)
        _exit(3);
    scripts_write((int)dice_below(DICE_PLAN, SIM_VARIANTS));
    world.keep_ms = plan_keep_ms();
    note("what has ended is kept for %d minutes", (int)(world.keep_ms / (60 * MS_PER_S)));
    plan_schedule(d->omitted);
    if (d->crash_at > 0)
        faults_crash_at(d->crash_at, d->power, NS_PER_S);
    world_run(clock_now_ns() + DAY_NS);
    struct settled n = {0};
    if (!world.failed)
        n = settle();
    out->changes = disk_changes(world.disk);
    out->age_ns = clock_age_ns();
    world_end();
    check_leaks();
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

pid_t day_begin(const struct day *d, struct outcome *out)
{
    *out = (struct outcome){0};
    fflush(NULL);
    pid_t child = child_fork();
    if (child < 0) {
        perror("fork");
        exit(3);
    }
    if (child == 0) {
        alarm(WORLD_MAX_S); /* a host that turns in a circle is a finding too, with its seed */
        run_world(d, out);
        fflush(NULL);
        _exit(0);
    }
    return child;
}

void day_ended(struct outcome *out, int status)
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

void day_run(const struct day *d, struct outcome *out)
{
    int status = 0;
    pid_t child = day_begin(d, out);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    day_ended(out, status);
}

struct outcome *day_outcomes(size_t count)
{
    struct outcome *o = mmap(NULL, count * sizeof *o, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (o == MAP_FAILED) {
        perror("mmap");
        exit(3);
    }
    return o;
}
