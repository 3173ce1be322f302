/*
 * pulse: what a thread is at, told as it goes, so that another can see when it has come to a halt, and in what.
 *
 * The event loop has one: it says when a turn begins and ends and, around what may take long, in which phase it is.
 * That is a relaxed store each; a watchdog (host/watchdog.h) reads it. What only the thread itself can know, the line
 * of the script that runs, it is asked for: those who look at the clock anyway (script/budget.h) look whether they are
 * asked, and answer. A thread without a pulse (the builder of scripts, `anzol check`) may mark phases too: nobody sees
 * them.
 */
#ifndef ANZOL_CORE_PULSE_H
#define ANZOL_CORE_PULSE_H

#include "core/buf.h"

#include <stdatomic.h>
#include <stdint.h>

enum phase {
    PHASE_LOOP,      /* whatever is not one of these */
    PHASE_HTTP,      /* requests to the server, and what they ask for */
    PHASE_CONTROL,   /* the control socket */
    PHASE_STORE,     /* what the store has committed or read */
    PHASE_TRANSPORT, /* libcurl, and the ends of exchanges */
    PHASE_TIMERS,    /* what is due: the limiter, retries, sleeping flows */
    PHASE_RELOAD,    /* the swap of scripts */
    PHASE_FILES,     /* files that may have changed */
    PHASE_SCRIPT,    /* Lua: of scripts, and of the library on their behalf */
    PHASE_LOG,       /* write(2) of the log */
    PHASE_COUNT
};

const char *phase_name(enum phase p); /* "script" */

enum { PULSE_PLACE_SIZE = 160, PULSE_ABOUT_SIZE = 96 };

struct pulse {
    atomic_uint_fast64_t turn; /* odd: at work; even: asleep */
    _Atomic int64_t woke_ns;   /* when the turn began, on the monotonic clock */
    _Atomic int phase;
    _Atomic int asked;                /* enum pulse_asked, in pulse.c */
    char place[PULSE_PLACE_SIZE];     /* what was answered: "file:line", … */
    char about[PULSE_ABOUT_SIZE];     /* … and the webhook, or "" */
    char now_about[PULSE_ABOUT_SIZE]; /* the thread's own */
};

void pulse_init(struct pulse *p);
/* From here on what the calling thread marks is told to `p`; NULL: to nobody. */
void pulse_attach(struct pulse *p);

/* --- the thread that is watched */

/* A turn begins, or ends: between two it sleeps. */
void pulse_begin(struct pulse *p, int64_t now_ns);
void pulse_end(struct pulse *p);
/* Returns the phase before, for phase_leave(). */
enum phase phase_enter(enum phase p);
void phase_leave(enum phase before);
/* The webhook that scripts are at, until another is said; "": none. */
void pulse_about(struct bytes webhook);
/* Whether the place is wanted; then pulse_answer() gives it, "" when it is not known. */
bool pulse_is_asked(void);
void pulse_answer(const char *place);

/* --- the one that watches */

uint64_t pulse_turn(const struct pulse *p);
static inline bool pulse_is_asleep(uint64_t turn)
{
    return turn % 2 == 0;
}
enum phase pulse_phase(const struct pulse *p);
/* Asks anew, whatever was answered before. */
void pulse_ask(struct pulse *p);
/* True once it has been answered: `place` and `about` may be read until it is asked again. */
bool pulse_answered(const struct pulse *p);

#endif
