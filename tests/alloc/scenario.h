/*
 * scenario: what the daemon lives through once, with its memory short in one phase of it, and what must hold then.
 *
 * The daemon is `anzol run` in a forked child of this program. A point is a phase, the number of the allocation of that
 * phase that fails first, and how many fail. Whatever happens in the phase, once memory is there again the daemon must
 * do all that it has acknowledged, take more, and end as asked. Where it did not start it must have said so in one
 * line, and must start the next time.
 */
#ifndef ALLOC_SCENARIO_H
#define ALLOC_SCENARIO_H

#include "client.h"
#include "daemon.h"
#include "fault.h"
#include "receiver.h"

enum { SCENARIO_PHASES = 11, SCENARIO_IDS = 24 };

enum scenario_result {
    SCENARIO_UNNOTICED, /* everything went well at the first try */
    SCENARIO_TOLD,      /* a client was told to come again, or was cut off */
    SCENARIO_REFUSED,   /* the daemon did not start, and said why */
    SCENARIO_FINDING,
};

struct scenario {
    struct fault *fault;
    struct receiver *receiver;
    struct daemon daemon;
    struct client client;
    bool told, refused;
    char acknowledged[SCENARIO_IDS][2][16]; /* webhook and id of what must arrive */
    int acknowledged_count;
    int runs;           /* of flows, begun so far: all must succeed */
    char finding[1024]; /* "": none */
};

/* Makes the folder of its files and starts the receiver. 0, or -1 with a message on stderr. */
int scenario_init(struct scenario *s, const char *folder);
void scenario_fini(struct scenario *s);
const char *scenario_phase(int phase); /* its name */
/* `at` 0: nothing fails, the allocations of the phase are counted: fault->count. */
enum scenario_result scenario_run(struct scenario *s, int phase, long at, long length);
#endif
