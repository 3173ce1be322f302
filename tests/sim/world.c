#include "world.h"

#include "disk.h"
#include "faults.h"
#include "fiber.h"
#include "files.h"
#include "host/host.h"
#include "host/loop.h"
#include "oracle.h"
#include "place.h"
#include "rates.h"
#include "scripts.h"
#include "secrecy.h"
#include "server.h"
#include "troubles.h"

#include <ev.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t DAY_NS = 24 * 3600 * NS_PER_S;
static const int64_t RESTART_AFTER_NS = NS_PER_S; /* as a supervisor does when a start has failed */
static const int64_t STOP_MAX_NS = 42 * NS_PER_S; /* what an orderly stop may take: host.c says 40 s */
enum { TURNS_AT_ONCE = 200000 };                  /* without any time passing: it is caught in a circle */

struct world world;

static struct {
    struct host *host;
    struct loop *loop; /* between loop_start() and loop_stop() */
    struct ev_loop *ev;
    struct log log;
    bool woken;
    bool idle_asked; /* it wants to know when it has nothing to do */
    int64_t woken_ns;
    int64_t free_ns; /* the loop is busy until then */
    int64_t held_ns; /* … as it was for long, the last time */
    int64_t start_ns;
    bool crash_asked, broken;
    bool hurried; /* told to stop a second time */
    int64_t down_ns, stopped_ns;
    int64_t last_ns;
    struct timer impatience;
    int turns; /* since time has passed */
} here;

void note(const char *format, ...)
{
    char when[32];
    va_list args;
    if (!world.trace)
        return;
    fprintf(stderr, "%s  ", clock_text(when));
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void violation(const char *oracle, const char *format, ...)
{
    char what[400], when[32];
    va_list args;
    if (world.failed)
        return;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(world.failure, sizeof world.failure, "%s: %s (at %s)", oracle, what, clock_text(when));
    world.failed = true;
    note("VIOLATION %s", world.failure);
}

uint64_t world_hash(const void *data, size_t len)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * 1099511628211u;
    return h;
}

void *world_alloc(size_t len)
{
    void *p = calloc(1, len);
    if (p == NULL)
        abort();
    return p;
}

void world_at(struct timer *t, int64_t at_ns)
{
    timer_start(&world.events, t, at_ns);
}

/* --- in the place of host/loop.c and libev's loop ----------------------------------------------------------------- */

int loop_start(struct loop *l, struct err *e)
{
    (void)e;
    here.loop = l;
    here.woken = here.idle_asked = false;
    return 0;
}

void loop_stop(struct loop *l)
{
    (void)l;
    here.loop = NULL;
}

void loop_wake(struct loop *l)
{
    (void)l;
    if (!here.woken)
        here.woken_ns = clock_now_ns() + dice_between(DICE_TURN, 0, 20 * 1000);
    here.woken = true;
}

void loop_tell_idle(struct loop *l)
{
    (void)l;
    here.idle_asked = true;
}

static void step(void);

int ev_run(struct ev_loop *loop, int flags)
{
    (void)loop, (void)flags;
    step();
    return 0;
}

void ev_break(struct ev_loop *loop, int how)
{
    (void)loop, (void)how;
    here.broken = true;
}

/* --- one thing after another -------------------------------------------------------------------------------------- */

static int64_t loop_next_ns(void)
{
    if (here.loop == NULL)
        return INT64_MAX;
    int64_t next = timers_next(here.loop->timers);
    if (here.woken && here.woken_ns < next)
        next = here.woken_ns;
    if (here.idle_asked)
        return here.free_ns;
    return next == INT64_MAX ? next : clock_later(next, here.free_ns);
}

/* The loop took a while; now and then it was busy for long. */
static void end_turn(void)
{
    if (here.loop == NULL)
        return;
    here.loop->before_sleep(here.loop->ud);
    bool held = dice_chance(DICE_TURN, 0.002);
    int64_t most = held ? 100 * NS_PER_MS : dice_chance(DICE_TURN, 0.05) ? 3 * NS_PER_MS : 50000;
    here.free_ns = clock_now_ns() + dice_between(DICE_TURN, 1000, most);
    if (held)
        here.held_ns = here.free_ns;
}

int64_t world_held_ns(void)
{
    return here.held_ns;
}

static void turn(void)
{
    struct loop *l = here.loop;
    if (here.woken && here.woken_ns <= clock_now_ns()) {
        here.woken = false;
        l->on_woken(l->ud);
    } else if (timers_next(l->timers) <= clock_now_ns())
        timers_run(l->timers, clock_now_ns());
    else if (here.idle_asked) {
        here.idle_asked = false;
        l->on_idle(l->ud);
    }
    end_turn();
    oracle_look();
}

static void check_progress(void)
{
    if (clock_now_ns() != here.last_ns) {
        here.last_ns = clock_now_ns();
        here.turns = 0;
    } else if (++here.turns > TURNS_AT_ONCE)
        violation("progress", "%d turns, and no time has passed", here.turns);
}

static void step(void)
{
    int64_t fiber = fiber_next_ns(), loop = loop_next_ns(), event = timers_next(&world.events);
    if (here.loop != NULL && event != INT64_MAX)
        event = clock_later(event, here.free_ns);
    if (fiber <= loop && fiber <= event)
        fiber_run();
    else if (loop <= event) {
        clock_move(loop);
        turn();
    } else {
        clock_move(event);
        timers_run(&world.events, clock_now_ns());
        end_turn();
    }
    check_progress();
}

/* --- the lives of the host ---------------------------------------------------------------------------------------- */

static void begin_life(void)
{
    static char state[80], listen[] = "127.0.0.1:8020";
    static const char *paths[1];
    struct err e;
    paths[0] = scripts_path();
    snprintf(state, sizeof state, "%s/state", world.folder);
    struct host_options o = {.loop = here.ev,
                             .state = state,
                             .listen = listen,
                             .paths = paths,
                             .path_count = 1,
                             .keep_ms = world.keep_ms,
                             .log = &here.log};
    world.life++;
    world.starts++;
    here.broken = here.hurried = world.stopping = false;
    here.free_ns = 0;
    rates_are(scripts_settle());
    note("life %d begins", world.life);
    here.host = host_start(&o, &e);
    if (here.host != NULL) {
        note("life %d serves", world.life);
        return;
    }
    note("life %d did not begin: %s", world.life, e.message);
    if (!here.crash_asked && !faults_recent())
        violation("start", "the host does not start on a sound disk: %s", e.message);
    here.start_ns = clock_now_ns() + RESTART_AFTER_NS;
}

static void end_life(int64_t down_ns)
{
    if (timer_started(&here.impatience))
        timer_stop(&world.events, &here.impatience);
    host_free(here.host);
    here.host = NULL;
    here.loop = NULL;
    world.api = NULL;
    here.start_ns = clock_now_ns() + down_ns;
}

/* What is left of it in memory is torn down. */
static void crash(void)
{
    here.crash_asked = false;
    server_lose();
    end_life(here.down_ns);
    disk_up(world.disk);
    world.dead = false;
}

void world_crash(bool power, int64_t down_ns)
{
    static const struct disk_random bits = {.next = faults_bits};
    if (here.loop == NULL || world.dead)
        return;
    note("life %d ends: %s", world.life, power ? "the power is cut" : "killed");
    oracle_crashed();
    secrecy_check_disk();
    disk_crash(world.disk, power ? DISK_POWER : DISK_KILL, &bits);
    world.crashes++;
    world.dead = here.crash_asked = true;
    here.down_ns = down_ns;
}

/* The second time is not waited for: what is in flight is left as a crash leaves it. */
static void on_impatience(struct timer *t, int64_t now_ns)
{
    (void)t, (void)now_ns;
    if (here.host == NULL || !world.stopping || world.dead)
        return;
    note("told to stop at once");
    here.hurried = true;
    world.crashes++; /* to what was in flight it is one */
    host_stop(here.host);
}

void world_restart(int64_t down_ns, int64_t impatient_ns)
{
    if (here.host == NULL || world.stopping)
        return;
    note("told to stop");
    world.stopping = true;
    here.down_ns = down_ns;
    here.stopped_ns = clock_now_ns();
    timer_init(&here.impatience, on_impatience);
    if (impatient_ns > 0)
        world_at(&here.impatience, clock_now_ns() + impatient_ns);
    host_stop(here.host);
}

static void stop_life(void)
{
    note("life %d ends in order", world.life);
    oracle_stopped(!here.hurried && !faults_recent());
    end_life(here.down_ns);
    world.stopping = false;
}

static void live(void)
{
    if (here.host == NULL || world.dead || world.stopping || faults_recent())
        troubles_note();
    if (here.crash_asked) {
        crash();
        return;
    }
    if (here.host == NULL && clock_now_ns() >= here.start_ns) {
        begin_life();
        troubles_note();
        return;
    }
    if (here.host != NULL && here.broken) {
        stop_life();
        return;
    }
    if (world.stopping && clock_now_ns() - here.stopped_ns > STOP_MAX_NS && !faults_recent())
        violation("stop", "an orderly stop takes longer than %d s", (int)(STOP_MAX_NS / NS_PER_S));
    step();
}

static void on_nothing(struct timer *t, int64_t now_ns)
{
    (void)t, (void)now_ns;
}

void world_run(int64_t until_ns)
{
    struct timer end, start;
    timer_init(&end, on_nothing);
    timer_init(&start, on_nothing);
    world_at(&end, until_ns);
    while (!world.failed && clock_now_ns() < until_ns) {
        if (here.host == NULL && !timer_started(&start))
            world_at(&start, clock_later(here.start_ns, clock_now_ns()));
        live();
    }
    timer_stop(&world.events, &end);
    timer_stop(&world.events, &start);
}

/* --- its beginning and its end ------------------------------------------------------------------------------------ */

int world_begin(void)
{
    char log[96];
    if (place_add(world.folder, sizeof world.folder) != 0) {
        perror(world.folder);
        return -1;
    }
    snprintf(log, sizeof log, "%s/log", world.folder);
    int fd = world.trace ? dup(2) : open(log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    here.ev = ev_loop_new(EVFLAG_AUTO);
    world.disk = disk_new();
    if (fd < 0 || here.ev == NULL || world.disk == NULL) {
        fprintf(stderr, "sim: cannot begin\n");
        return -1;
    }
    disk_use(world.disk);
    clock_begin();
    timers_init(&world.events);
    log_init(&here.log, fd);
    outlet_be_patient(&here.log.outlet); /* in a trace no line is missing */
    faults_begin();
    return 0;
}

void world_end(void)
{
    world_restart(DAY_NS, 0);
    while (here.host != NULL && !world.failed)
        live();
    if (here.host != NULL) {
        world_crash(false, 0);
        end_life(0);
    }
    secrecy_check_disk();
    secrecy_check_log(here.log.outlet.fd);
    close(here.log.outlet.fd);
    log_fini(&here.log);
    ev_loop_destroy(here.ev);
    disk_use(NULL);
    disk_free(world.disk);
    timers_fini(&world.events);
    files_remove(world.folder);
}
