/*
 * console: the Lua side of one attached person: variables of its own, and lines that are run bit by bit, so that a long
 * one holds up nobody: after a few milliseconds it says CONSOLE_SLICE and wants to be called again. Where a line needs
 * the host it says CONSOLE_ASKED and goes on when it is answered.
 *
 * It works in a generation of its own, a clone of the one in force: whatever is done there reaches no delivery. Its
 * memory is bounded (CONSOLE_MEMORY_MIB beyond what the scripts take), and the CPU time of a line (CONSOLE_LINE_MS).
 */
#ifndef ANZOL_SCRIPT_CONSOLE_H
#define ANZOL_SCRIPT_CONSOLE_H

#include "script/generation.h"

enum {
    CONSOLE_MEMORY_MIB = 64,
    CONSOLE_SLICE_MS = 4,
    CONSOLE_CALL_MS = 100, /* of CPU at once, where it cannot be stopped: inside a sort, a pattern, a metamethod of C */
    CONSOLE_LINE_MS = 60000,
    CONSOLE_KEEP_MS = 20,           /* for what is carried over into another console, … */
    CONSOLE_KEEP_BYTES = 256 << 10, /* … and of that */
};

struct console;

enum console_end { CONSOLE_DONE, CONSOLE_FAILED, CONSOLE_MORE, CONSOLE_SLICE, CONSOLE_ASKED };

struct console_said {
    struct buf text;   /* DONE: its values, printed; FAILED: the message; ASKED: what is asked for */
    struct buf values; /* DONE: as a JSON array, when wanted; ASKED: the arguments, JSON */
};

/*
 * `g` is taken over, also on failure. `kept`: what console_keep() gave of an earlier one; empty: nothing. `on_text`
 * gets what lines print, while they are run.
 */
int console_new(struct generation *g, struct bytes kept, void (*on_text)(void *ud, struct bytes text), void *ud,
                struct console **out, struct err *e);
void console_free(struct console *c); /* NULL is fine */
/* Begins a line; none is under way. The buffers of `said` are the caller's, and cleared. */
enum console_end console_eval(struct console *c, struct bytes code, int width, bool json, struct console_said *said);
/* Goes on after SLICE, or after ASKED and console_answer(). */
enum console_end console_go(struct console *c, struct console_said *said);
/* `ok`: the result, JSON; else why it cannot be had. */
int console_answer(struct console *c, bool ok, struct bytes text, struct err *e);
/* Ends the line. */
void console_cancel(struct console *c);
/* What could stand in the place of the bytes from *from up to `cursor`: items with a NUL after each. */
int console_complete(struct console *c, struct bytes code, size_t cursor, size_t *from, struct buf *items,
                     struct err *e);
/* The variables as JSON text; the names of those that it cannot hold, with ", " between. -1 also when that is too much
 * (CONSOLE_KEEP_MS, CONSOLE_KEEP_BYTES). */
int console_keep(struct console *c, struct buf *kept, struct buf *lost, struct err *e);

#endif
