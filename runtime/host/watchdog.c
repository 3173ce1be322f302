#include "host/watchdog.h"

#include "core/log.h"
#include "core/units.h"
#include "host/env.h"
#include "store/thread.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int64_t PERIOD_NS = 25 * NS_PER_MS, STALL_NS = 100 * NS_PER_MS, LONG_NS = NS_PER_S;

static int64_t cpu_ns(clockid_t clock)
{
    struct timespec t;
    return clock_gettime(clock, &t) != 0 ? 0 : t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* --- on its thread, with the mutex -------------------------------------------------------------------------------- */

/* By /proc/self/task/TID/stat: "TID (NAME) STATE …". Where there is none, the clock alone must do. */
static bool is_blocked(const struct watchdog *w)
{
    char text[128];
    ssize_t n = w->stat_fd < 0 ? -1 : pread(w->stat_fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    const char *state = strrchr(text, ')');
    return state == NULL || strncmp(state, ") R", 3) != 0;
}

static int64_t look(struct watchdog *w, uint64_t turn, bool blocked)
{
    struct stall_look l = {.turn = turn,
                           .woke_ns = atomic_load_explicit(&w->pulse.woke_ns, memory_order_relaxed),
                           .now_ns = env_mono_ns(),
                           .cpu_ns = cpu_ns(w->cpu),
                           .blocked = blocked};
    return stall_look(&w->stall, &l);
}

static void put_line(const struct watchdog *w, struct log *log, const char *event, int64_t ns)
{
    bool placed = w->phase == PHASE_SCRIPT && pulse_answered(&w->pulse);
    log_line(log, LOG_WARN, event, LOG_DURATION_US("duration", ns / (NS_PER_MS / MS_PER_S)),
             LOG_STR("phase", phase_name(w->phase)), LOG_STR("place", placed ? w->pulse.place : ""),
             LOG_STR("webhook", placed ? w->pulse.about : ""));
}

static void tell(const struct watchdog *w, int64_t ns)
{
    struct log log;
    if (w->phase == PHASE_LOG)
        return;
    log_init_beside(&log, w->log);
    put_line(w, &log, "loop.stalling", ns);
    log_offer(w->log, &log); /* the loop may be back, and write too */
    log_fini(&log);
}

static void on_stall(struct watchdog *w, uint64_t turn, int64_t ns)
{
    if (atomic_load_explicit(&w->caught, memory_order_relaxed) != turn) {
        w->phase = pulse_phase(&w->pulse);
        w->told = false;
        if (w->phase == PHASE_SCRIPT)
            pulse_ask(&w->pulse);
        atomic_store_explicit(&w->caught, turn, memory_order_relaxed);
    } else if (ns >= LONG_NS && !w->told) {
        w->told = true;
        tell(w, ns);
    }
}

static void watch(struct watchdog *w, uint64_t turn)
{
    w->blocked = turn == w->stall.turn && is_blocked(w);
    int64_t ns = look(w, turn, w->blocked);
    if (ns >= STALL_NS && pulse_turn(&w->pulse) == turn)
        on_stall(w, turn, ns);
    thread_wait(&w->cond, &w->mutex, env_mono_ns() + PERIOD_NS);
}

/* `idle` and the turn are written and read in one order with the loop's: it wakes us, or we see that it works. */
static void sleep_with_it(struct watchdog *w)
{
    atomic_store(&w->idle, true);
    while (!w->ending && atomic_load(&w->idle) && pulse_is_asleep(pulse_turn(&w->pulse)))
        thread_wait(&w->cond, &w->mutex, INT64_MAX);
    atomic_store(&w->idle, false);
}

static void *run(void *arg)
{
    struct watchdog *w = arg;
    pthread_mutex_lock(&w->mutex);
    while (!w->ending) {
        uint64_t turn = pulse_turn(&w->pulse);
        if (pulse_is_asleep(turn))
            sleep_with_it(w);
        else
            watch(w, turn);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

/* --- on the loop -------------------------------------------------------------------------------------------------- */

void watchdog_init(struct watchdog *w, struct log *log)
{
    memset(w, 0, sizeof *w);
    w->log = log;
    w->stat_fd = -1;
    pulse_init(&w->pulse);
    stall_init(&w->stall, PERIOD_NS);
    atomic_init(&w->idle, false);
    atomic_init(&w->caught, UINT64_MAX); /* none */
}

int watchdog_start(struct watchdog *w, struct err *e)
{
    char path[64];
    if (pthread_getcpuclockid(pthread_self(), &w->cpu) != 0)
        return err_set(e, ERR_SYSTEM, 0, "this thread has no CPU clock");
    if (thread_cond_init(&w->cond) != 0)
        return err_memory(e);
    pthread_mutex_init(&w->mutex, NULL);
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)gettid());
    w->stat_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (thread_start(&w->thread, "anzol-watchdog", run, w, e) != 0) {
        close(w->stat_fd);
        pthread_cond_destroy(&w->cond);
        pthread_mutex_destroy(&w->mutex);
        return -1;
    }
    w->started = true;
    pulse_attach(&w->pulse);
    return 0;
}

static void wake(struct watchdog *w)
{
    pthread_mutex_lock(&w->mutex);
    atomic_store(&w->idle, false);
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->mutex);
}

void watchdog_stop(struct watchdog *w)
{
    if (!w->started)
        return;
    pulse_attach(NULL);
    pthread_mutex_lock(&w->mutex);
    w->ending = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->cond);
    pthread_mutex_destroy(&w->mutex);
    if (w->stat_fd >= 0)
        close(w->stat_fd);
    w->started = false;
}

void watchdog_turn_begins(struct watchdog *w, int64_t now_ns)
{
    if (!w->started)
        return;
    pulse_begin(&w->pulse, now_ns);
    if (atomic_load(&w->idle))
        wake(w);
}

static void report(struct watchdog *w, uint64_t turn)
{
    pthread_mutex_lock(&w->mutex);
    int64_t ns = look(w, turn, w->blocked);
    if (ns >= STALL_NS) {
        w->stalls[w->phase]++;
        w->stalled_ns += ns;
        put_line(w, w->log, "loop.stalled", ns);
    }
    pthread_mutex_unlock(&w->mutex);
    log_flush(w->log);
}

void watchdog_turn_ends(struct watchdog *w)
{
    if (!w->started)
        return;
    uint64_t turn = pulse_turn(&w->pulse);
    if (atomic_load_explicit(&w->caught, memory_order_relaxed) == turn)
        report(w, turn);
    pulse_end(&w->pulse);
}
