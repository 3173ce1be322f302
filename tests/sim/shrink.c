#include "shrink.h"

#include "dice.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { SHRINK_RUNS = 400 };

/* "rate: …" and "rate: …" are alike. */
static bool alike(const char *a, const char *b)
{
    size_t n = strcspn(a, ":");
    return strncmp(a, b, n + 1) == 0;
}

/* Leaves out a piece of the plan, and keeps to that if it fails alike. */
static void try_without(struct day *d, size_t from, size_t to, const struct outcome *first, struct outcome *o,
                        int *runs)
{
    struct day tried = *d;
    size_t less = 0;
    for (size_t i = from; i < to; i++) {
        less += !tried.omitted[i];
        tried.omitted[i] = 1;
    }
    if (less == 0)
        return;
    ++*runs;
    day_run(&tried, o);
    if (o->failed && alike(first->failure, o->failure))
        *d = tried;
}

/* Smaller and smaller pieces: delta debugging (Zeller and Hildebrandt 2002), in its simplest form. */
static void make_smaller(struct day *d, size_t count, const struct outcome *first)
{
    struct outcome *o = day_outcomes(1);
    int runs = 0;
    for (size_t piece = count / 2; piece > 0 && runs < SHRINK_RUNS; piece /= 2)
        for (size_t at = 0; at < count && runs < SHRINK_RUNS; at += piece)
            try_without(d, at, at + piece < count ? at + piece : count, first, o, &runs);
    munmap(o, sizeof *o);
}

static void print_rest(const struct day *d, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        left += !d->omitted[i];
    printf("  shrunk to %zu of %zu: --seed %" PRIu64, left, count, d->seed);
    if (d->crash_at > 0)
        printf(" --crash-at %" PRIu64 "%s", d->crash_at, d->power ? " --power" : "");
    printf(" --only ");
    for (size_t i = 0, n = 0; i < count; i++)
        if (!d->omitted[i])
            printf("%s%zu", n++ > 0 ? "," : "", i);
    printf("%s\n", left == 0 ? "none" : "");
    for (size_t i = 0; i < count; i++)
        if (!d->omitted[i])
            plan_print(i);
}

void shrink_report(struct day *d, const struct outcome *o, bool smaller)
{
    printf("seed %" PRIu64, d->seed);
    if (d->crash_at > 0)
        printf(", %s before change %" PRIu64 " of the disk", d->power ? "the power cut" : "killed", d->crash_at);
    printf(": %s\n", o->failure);
    fflush(stdout);
    if (!smaller)
        return;
    struct outcome first = *o;
    dice_seed(d->seed);
    size_t count = plan_make();
    make_smaller(d, count, &first);
    print_rest(d, count);
    fflush(stdout);
}
