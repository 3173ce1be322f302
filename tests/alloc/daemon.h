/*
 * daemon: `anzol run` in a forked child, with its folder, its scripts and what it says on stderr.
 */
#ifndef ALLOC_DAEMON_H
#define ALLOC_DAEMON_H

#include "fault.h"

#include <stdbool.h>
#include <sys/types.h>

struct daemon {
    char folder[100]; /* of all of it */
    char state[128], script[128], log[128];
    pid_t pid;  /* 0: none */
    int status; /* as of waitpid(), once it has ended */
};

/* Makes the folder. 0, or -1: errno. */
int daemon_init(struct daemon *d, const char *folder);
/* Removes all files. */
void daemon_fini(struct daemon *d);
/* Forgets everything: no database, the first version of the scripts. */
int daemon_clear(struct daemon *d);
/* Writes the scripts anew: with `from` replaced by `to`, or, from NULL, as they are. */
int daemon_write_script(struct daemon *d, const char *from, const char *to);
/* Forks; `fault` is its allocator's. The log begins anew. */
int daemon_start(struct daemon *d, struct fault *fault);
/* False: it has ended, and `status` says how. */
bool daemon_lives(struct daemon *d);
/* Waits that long at most. False: it lives. */
bool daemon_wait(struct daemon *d, int seconds);
void daemon_kill(struct daemon *d);
/* What it has written to stderr, the end of it; valid until the next call. */
const char *daemon_log(const struct daemon *d);

#endif
