/*
 * receiver: who the deliveries go to: a process of its own, so that its memory is not the daemon's. It keeps each
 * request's path in shared memory and answers by the path's first part: "paid" 503 the first time, "slow" after a
 * while, all 200.
 */
#ifndef ALLOC_RECEIVER_H
#define ALLOC_RECEIVER_H

#include <stdatomic.h>
#include <sys/types.h>

enum { RECEIVER_REQUESTS = 256, RECEIVER_PATH = 192 };

struct receiver_request {
    char path[RECEIVER_PATH]; /* "/shop/paid?id=e1&k=…" */
    int version;              /* of the header X-Version; 0: none */
    int status;               /* it was answered with */
};

struct receiver {
    pid_t pid;
    int port;
    atomic_int count;
    struct receiver_request requests[RECEIVER_REQUESTS];
};

/* Forks; NULL: why is on stderr. It ends with its parent. */
struct receiver *receiver_start(void);
void receiver_stop(struct receiver *r);
/* Forgets what came. */
void receiver_clear(struct receiver *r);
/* How many requests came for `webhook` with `id`; `status` 0: answered with any. */
int receiver_count(const struct receiver *r, const char *webhook, const char *id, int status);
/* The X-Version of the last that came for `webhook` with `id`; -1: none came. */
int receiver_version(const struct receiver *r, const char *webhook, const char *id);

#endif
