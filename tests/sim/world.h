/*
 * world: the simulated machine: its time, its disk, the one host that lives on it, and everything that happens to it.
 *
 * The host is the real one, from host_start() to host_free(). What it stands on is replaced where the program is
 * linked: threads (fiber.c), clocks and randomness (clock.c), the loop (world.c), libcurl and the receivers
 * (receivers.c), libmicrohttpd and the clients (clients.c), SQLite's files (disk.c). A crash is a moment from which on
 * the disk takes nothing more and nobody hears anything any more: what is left in memory is torn down as if nothing had
 * happened.
 */
#ifndef ANZOL_SIM_WORLD_H
#define ANZOL_SIM_WORLD_H

#include "clock.h"
#include "core/buf.h"
#include "core/timers.h"
#include "core/units.h"
#include "dice.h"

struct api;
struct disk;

enum plant { /* a bug, planted to see that it is caught */
             PLANT_NONE,
             PLANT_DROP,    /* a record is said to be committed, and is not */
             PLANT_DOUBLE,  /* a request is sent twice */
             PLANT_LEAK,    /* the limiter forgets a request it has let go */
             PLANT_EARLY,   /* an event is acknowledged before it is committed */
             PLANT_KEYLESS, /* what has no key is not written down before it is sent */
             PLANT_SLOW     /* half of the rate */
};

struct world {
    enum plant plant;
    bool trace;           /* each thing that happens is a line on stderr */
    char folder[64];      /* STATE, scripts and log */
    struct timers events; /* what will happen outside of the host */
    struct disk *disk;
    struct api *api; /* the living host's; NULL: none serves */
    int life;        /* which life of the host this is: 1, 2, … */
    bool dead;       /* it has crashed, and is being torn down */
    bool stopping;   /* it was told to stop */
    int64_t keep_ms; /* retention; 0: for ever */
    bool quiet;      /* nothing goes wrong any more: everything has to come to its end */
    bool failed;     /* a violation was found */
    char failure[512];
    int64_t crashes, starts;
};

enum { SIM_TAG = 24 }; /* a name that an event has in all that comes of it, and the NUL */

extern struct world world;

/* In an own folder, with an empty disk; the host is started by the first world_run(). -1: message on stderr. */
int world_begin(void);
void world_end(void);
/* Lets things happen until `until_ns` (clock_now_ns()), or until a violation is found. */
void world_run(int64_t until_ns);
/* Something will happen at that time. */
void world_at(struct timer *t, int64_t at_ns);
/* Until when the loop was held up for long, or is: clock_now_ns(). */
int64_t world_held_ns(void);
/* FNV-1a. */
uint64_t world_hash(const void *data, size_t len);
/* Malloc that cannot fail. */
void *world_alloc(size_t len);

/* --- what can happen to the host */
/* The process is killed, or the power is cut; it comes back after `down_ns`. */
void world_crash(bool power, int64_t down_ns);
/* An orderly stop, and a start after `down_ns`. `impatient_ns`: how long until it is told a second time; 0: never. */
void world_restart(int64_t down_ns, int64_t impatient_ns);

/* An oracle was contradicted: the first one counts. */
void violation(const char *oracle, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of the trace. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
