#include "daemon.h"

#include "child.h"
#include "cli/cli.h"
#include "files.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCRIPT_MAX = 1 << 14, LOG_MAX = 1 << 14, POLL_US = 500, POLLS_PER_S = 1000000 / POLL_US };

#define SCRIPT "tests/alloc/scripts/shop.lua"

int daemon_init(struct daemon *d, const char *folder)
{
    *d = (struct daemon){.pid = 0};
    snprintf(d->folder, sizeof d->folder, "%s", folder);
    snprintf(d->state, sizeof d->state, "%s/state", folder);
    snprintf(d->script, sizeof d->script, "%s/shop.lua", folder);
    snprintf(d->log, sizeof d->log, "%s/log", folder);
    return mkdir(folder, 0700);
}

void daemon_fini(struct daemon *d)
{
    files_remove(d->folder);
}

int daemon_clear(struct daemon *d)
{
    files_remove(d->state);
    return daemon_write_script(d, NULL, NULL);
}

int daemon_write_script(struct daemon *d, const char *from, const char *to)
{
    char text[SCRIPT_MAX];
    if (!files_read(SCRIPT, FILES_BEGINNING, text, sizeof text))
        return -1;
    FILE *f = fopen(d->script, "we");
    char *at = from == NULL ? NULL : strstr(text, from);
    if (f == NULL)
        return -1;
    if (at == NULL)
        fputs(text, f);
    else
        fprintf(f, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return fclose(f);
}

/* Where it was goes to the log. */
static void on_crash(int number)
{
    void *stack[FAULT_FRAMES];
    backtrace_symbols_fd(stack, backtrace(stack, FAULT_FRAMES), STDERR_FILENO);
    (void)raise(number); /* SA_RESETHAND: its end this time */
}

static void watch_crashes(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction a = {.sa_handler = on_crash, .sa_flags = SA_RESETHAND};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)sigaction(numbers[i], &a, NULL);
}

static void run(struct daemon *d, struct fault *fault)
{
    char *argv[] = {"anzol",       "run",          d->script, "--state",     d->state, "--listen",
                    "127.0.0.1:0", "--log-format", "json",    "--log-level", "info",   NULL};
    const struct command command = {"run", "PATH", "", command_run, ""};
    int fd = open(d->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    (void)dup2(fd, STDERR_FILENO);
    close(fd);
    watch_crashes();
    optind = 0;
    fault_enter(fault);
    exit(cli_main(&command, 1, (int)(sizeof argv / sizeof *argv) - 1, argv));
}

int daemon_start(struct daemon *d, struct fault *fault)
{
    char address[160];
    snprintf(address, sizeof address, "%s/address", d->state);
    (void)unlink(address); /* of one that was killed */
    pid_t pid = child_fork();
    if (pid == 0)
        run(d, fault);
    d->pid = pid < 0 ? 0 : pid;
    return pid < 0 ? -1 : 0;
}

bool daemon_lives(struct daemon *d)
{
    if (d->pid != 0 && waitpid(d->pid, &d->status, WNOHANG) == d->pid)
        d->pid = 0;
    return d->pid != 0;
}

bool daemon_wait(struct daemon *d, int seconds)
{
    for (long i = 0; daemon_lives(d) && i < (long)seconds * POLLS_PER_S; i++)
        usleep(POLL_US);
    return d->pid == 0;
}

void daemon_kill(struct daemon *d)
{
    if (!daemon_lives(d))
        return;
    (void)kill(d->pid, SIGKILL);
    (void)waitpid(d->pid, &d->status, 0);
    d->pid = 0;
}

const char *daemon_log(const struct daemon *d)
{
    static char text[LOG_MAX];
    (void)files_read(d->log, FILES_END, text, sizeof text);
    return text;
}
