#include "faults.h"

#include "disk.h"
#include "fiber.h"
#include "moments.h"
#include "world.h"

#include <sqlite3.h>

static const int64_t RECENT_NS = 10 * NS_PER_S;
static const double FAIL = 0.2;      /* of the operations, in a bad time */
static const double SOMETIMES = 0.1; /* of the reads, in a bad time: each asks for many */

static int64_t until_ns[FAULT_COUNT];
static struct {
    uint64_t at; /* the disk's change; 0: none */
    bool power;
    int64_t down_ns;
} crash;

static bool is(enum fault f)
{
    return clock_now_ns() < until_ns[f];
}

static bool fails(enum fault f)
{
    return is(f) && dice_chance(DICE_DISK, FAIL);
}

/* A sync takes a while, and everybody else goes on meanwhile. */
static void take_time(const struct disk_op *op)
{
    if (op->kind == DISK_SYNC)
        fiber_sleep(dice_spread(DICE_DISK, 20 * 1000, is(FAULT_SLOW) ? 5 * NS_PER_S : 2 * NS_PER_MS));
    else if (op->kind == DISK_READ && is(FAULT_LATE) && dice_chance(DICE_DISK, SOMETIMES)) {
        moments_read_late();
        fiber_sleep(dice_spread(DICE_DISK, 20 * 1000, NS_PER_S));
    } else if (op->kind == DISK_WRITE && dice_chance(DICE_DISK, 0.05))
        fiber_sleep(dice_spread(DICE_DISK, 1000, 100 * 1000));
}

static int result_of(struct disk_op *op)
{
    switch (op->kind) {
    case DISK_WRITE:
        if (is(FAULT_FULL)) {
            op->landed = dice_below(DICE_DISK, op->len);
            return SQLITE_FULL;
        }
        if (!fails(FAULT_WRITES))
            break;
        op->landed = dice_below(DICE_DISK, op->len);
        return SQLITE_IOERR_WRITE;
    case DISK_TRUNCATE:
        return fails(FAULT_WRITES) ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
    case DISK_SYNC:
        return fails(FAULT_SYNCS) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
    case DISK_READ:
        return fails(FAULT_READS) ? SQLITE_IOERR_READ : SQLITE_OK;
    default:
        break;
    }
    return SQLITE_OK;
}

static int before(void *ud, struct disk_op *op)
{
    (void)ud;
    if (world.dead)
        return SQLITE_IOERR;
    if (op->kind != DISK_READ && crash.at != 0 && op->number >= crash.at) {
        crash.at = 0;
        world_crash(crash.power, crash.down_ns);
        return SQLITE_IOERR;
    }
    take_time(op);
    return world.dead ? SQLITE_IOERR : result_of(op);
}

uint64_t faults_bits(void *ud)
{
    (void)ud;
    return dice(DICE_DISK);
}

static int64_t on_now(void *ud)
{
    (void)ud;
    return clock_wall_ms();
}

static void on_sleep(void *ud, int us)
{
    (void)ud;
    fiber_sleep((int64_t)us * 1000);
}

void faults_begin(void)
{
    static const struct disk_hooks hooks = {
        .before = before, .random = faults_bits, .now_ms = on_now, .sleep_us = on_sleep};
    disk_set_hooks(world.disk, &hooks);
}

void faults_set(enum fault f, int64_t for_ns)
{
    until_ns[f] = clock_now_ns() + for_ns;
}

void faults_crash_at(uint64_t change, bool power, int64_t down_ns)
{
    crash.at = change;
    crash.power = power;
    crash.down_ns = down_ns;
}

void faults_end(void)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        if (is((enum fault)i))
            until_ns[i] = clock_now_ns();
    crash.at = 0;
}

int64_t faults_sound_ns(void)
{
    int64_t since = 0;
    for (int i = 0; i < FAULT_COUNT; i++)
        if (until_ns[i] != 0 && until_ns[i] + RECENT_NS > since)
            since = until_ns[i] + RECENT_NS;
    return since;
}

bool faults_recent(void)
{
    return clock_now_ns() < faults_sound_ns();
}

const char *faults_name(enum fault f)
{
    static const char *const names[] = {
        [FAULT_SLOW] = "is slow",      [FAULT_WRITES] = "fails writes", [FAULT_SYNCS] = "fails syncs",
        [FAULT_READS] = "fails reads", [FAULT_LATE] = "reads late",     [FAULT_FULL] = "is full"};
    return names[f];
}
