#include "child.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t child_fork(void)
{
    pid_t parent = getpid();
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it has ended before */
        _exit(1);
    return 0;
}

/* Until the child has ended, with its status, or a signal asks for the end: its number. */
static int await(pid_t pid, const sigset_t *watched, int *status)
{
    for (int number;;) {
        if (sigwait(watched, &number) != 0)
            continue;
        if (number != SIGCHLD)
            return number;
        if (waitpid(pid, status, WNOHANG) == pid)
            return 0;
    }
}

int child_guarded(int (*work)(void *ud), void (*cleanup)(void *ud), void *ud)
{
    sigset_t watched, before;
    int status = -1;
    sigemptyset(&watched);
    (void)sigaddset(&watched, SIGTERM), (void)sigaddset(&watched, SIGINT), (void)sigaddset(&watched, SIGHUP);
    (void)sigaddset(&watched, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &watched, &before);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* so that those of a child that was killed can be waited for */
    pid_t pid = child_fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        exit(work(ud));
    }
    (void)setpgid(pid, pid); /* whoever comes first */
    int number = pid < 0 ? 0 : await(pid, &watched, &status);
    if (pid > 0)
        (void)kill(-pid, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    cleanup(ud);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (number != 0)
        (void)raise(number);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
