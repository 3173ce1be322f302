#include "cli/signals.h"

#include "core/units.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static volatile sig_atomic_t interrupted, resized, suspended, ending, arrived;

static const int taken[] = {SIGINT, SIGWINCH, SIGTSTP, SIGTERM, SIGHUP, SIGQUIT};
enum { TAKEN = sizeof taken / sizeof *taken };

static struct sigaction before[TAKEN];
static sigset_t mask_before;

static void on_signal(int number)
{
    arrived = 1;
    if (number == SIGINT)
        interrupted = 1;
    else if (number == SIGWINCH)
        resized = 1;
    else if (number == SIGTSTP)
        suspended = 1;
    else
        ending = 1;
}

/* What was ignored before stays so: nohup, a shell without job control. */
void signals_begin(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;
    sigemptyset(&action.sa_mask);
    sigemptyset(&blocked);
    for (size_t i = 0; i < TAKEN; i++)
        sigaddset(&blocked, taken[i]);
    sigprocmask(SIG_BLOCK, &blocked, &mask_before);
    interrupted = resized = suspended = ending = 0;
    for (size_t i = 0; i < TAKEN; i++) {
        sigaction(taken[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(taken[i], &action, NULL);
    }
}

void signals_end(void)
{
    for (size_t i = 0; i < TAKEN; i++)
        sigaction(taken[i], &before[i], NULL);
    sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

/* ppoll() lets none in while a descriptor is ready: Ctrl-C would wait for as long as a line prints. */
static bool let_in(void)
{
    sigset_t mask;
    arrived = 0;
    sigprocmask(SIG_SETMASK, &mask_before, &mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return arrived != 0;
}

int signals_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    if (let_in()) {
        errno = EINTR;
        return -1;
    }
    const struct timespec timeout = {
        .tv_sec = timeout_ms / MS_PER_S,
        .tv_nsec = (long)(timeout_ms % MS_PER_S) * NS_PER_MS,
    };
    return ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, &mask_before);
}

static bool take(volatile sig_atomic_t *flag)
{
    bool was = *flag != 0;
    *flag = 0;
    return was;
}

bool signals_interrupt(void)
{
    return take(&interrupted);
}

bool signals_resize(void)
{
    return take(&resized);
}

bool signals_suspend(void)
{
    return take(&suspended);
}

bool signals_ending(void)
{
    return ending != 0;
}

void signals_stop(void)
{
    raise(SIGSTOP);
}
