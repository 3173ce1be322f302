/*
 * boot: calling the functions of stdlib/boot.lua (stdlib/README.md, "The seam"), protected and bounded.
 */
#ifndef ANZOL_SCRIPT_BOOT_H
#define ANZOL_SCRIPT_BOOT_H

#include "core/buf.h"
#include "core/err.h"
#include "script/state.h"

struct boot_arg {
    struct bytes text;
    lua_Integer number; /* of a boolean: 0 or 1 */
    bool is_number, is_boolean;
};

struct native;

/* Loads stdlib.boot and keeps what it returns. */
int boot_open(struct state *s, struct native *n, struct err *e);

/*
 * Calls boot.NAME(args). 0: a text it returned is appended to `out` (may be NULL). -1: it returned nil, code, message
 * (ERR_INPUT with the code; ERR_SCRIPT without one), or it raised (ERR_SCRIPT).
 */
int boot_call(struct state *s, const char *name, const struct boot_arg *args, int count, int64_t budget_ms,
              struct buf *out, struct err *e);
/* boot.event() of the event at hand, which most calls are: found without its name. Errors as above. */
int boot_event(struct state *s, struct err *e);
/* Pushes the arguments, for use inside state_run(). */
void boot_push_args(lua_State *L, const struct boot_arg *args, int count);
/* Pushes boot.NAME, for use inside state_run(); raises when there is none. */
void boot_push(lua_State *L, const char *name);

#endif
