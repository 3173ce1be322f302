/*
 * native: the table of C functions that stdlib gets and scripts never see. What each does: stdlib/README.md, "The
 * seam".
 *
 * Functions raise for what stdlib or a script did wrong; they own no memory while they may raise: buffers live in the
 * struct.
 */
#ifndef ANZOL_SCRIPT_NATIVE_H
#define ANZOL_SCRIPT_NATIVE_H

#include "core/buf.h"
#include "core/err.h"
#include "core/request.h"
#include "core/uuid.h"

#include <lauxlib.h>
#include <lua.h>

struct generation_options;
struct load;
struct log;
struct render_sink;
struct secrets;

struct native {
    struct secrets *secrets; /* NULL: none is known */
    bool secrets_optional;
    const char *secret_placeholder;
    struct log *log;
    struct uuid (*new_id)(void *ud); /* NULL: one of our own */
    int64_t (*wall_ms)(void *ud);    /* NULL: the system's */
    void *ud;
    struct bytes (*forms)(void *ud, struct bytes name); /* NULL: nobody waits for events */
    const struct render_sink *sink;                     /* during an event, a call, or a task's turn */
    void (*on_text)(void *ud, struct bytes text);       /* of a console: what its lines print */
    void *on_text_ud;
    struct bytes envelope; /* of the event at hand */
    struct load *loading;  /* where readfile() may read and notes what it read; NULL: scripts are loaded */

    struct uuid id; /* of the next delivery */
    bool id_fresh;
    struct uuid_source ids; /* for when new_id is NULL */
    struct buf scratch;
    struct buf text; /* native_write.c: the texts being rendered */
    struct request_piece *pieces;
    size_t piece_cap;
};

void native_init(struct native *n, const struct generation_options *o);
/* Takes the callbacks, secrets and log of `o` in the place of those it has. */
void native_use(struct native *n, const struct generation_options *o);
void native_fini(struct native *n);
/* Pushes the table. May raise. `n` must stay where it is. */
void native_push(lua_State *L, struct native *n);

/* For the files that hold the functions, or call into Lua. */
struct native *native_self(lua_State *L);
int64_t native_now_ms(struct native *n);
struct uuid native_fresh_id(struct native *n);
/* An id for the next delivery: n->id. */
const struct uuid *native_begin_delivery(struct native *n);
/* What a template that failed has written into n->text since that was so long. */
void native_drop_text(struct native *n, size_t mark);
/* The string at `index`, valid while it is there; data NULL when there is none. */
struct bytes native_string_at(lua_State *L, int index);
/* The argument, which must be a string; else raises. */
struct bytes native_check_bytes(lua_State *L, int arg);
/* Adds the string at `index`, if there is one. Raises when memory is short. */
void native_append(lua_State *L, int index, struct buf *out);
/* Push one value and return 1, so that a function may end with it. */
int native_push_bytes(lua_State *L, struct bytes v);
/* Raises when memory was short for it. */
int native_push_buf(lua_State *L, const struct buf *b);
int native_push_uuid(lua_State *L, const struct uuid *id);
/* Raises the message as it stands, without a place: the message handler finds the script line. */
int native_raise(lua_State *L, const char *message);

extern const struct luaL_Reg native_text_functions[];     /* native_text.c: strings and numbers */
extern const struct luaL_Reg native_unicode_functions[];  /* native_unicode.c: letters and their case */
extern const struct luaL_Reg native_charset_functions[];  /* native_charset.c: texts of other charsets */
extern const struct luaL_Reg native_hash_functions[];     /* native_hash.c: digests */
extern const struct luaL_Reg native_digest_functions[];   /* native_digest.c: what a value says, in a few bytes */
extern const struct luaL_Reg native_small_functions[];    /* native_small.c: whether there is little in a value */
extern const struct luaL_Reg native_template_functions[]; /* native_template.c: the reading of templates */
extern const struct luaL_Reg native_emit_functions[];     /* native_emit.c: deliveries */
extern const struct luaL_Reg native_code_functions[];     /* native_code.c: loading and running Lua */
extern const struct luaL_Reg native_flow_functions[];     /* native_flow.c: runs, their steps, events waited for */
extern const struct luaL_Reg native_console_functions[];  /* native_console.c: lines of a console */
void native_open_event(lua_State *L, struct native *n);   /* native_event.c: envelopes */
void native_open_write(lua_State *L, struct native *n);   /* native_write.c: the writing of templates */
int native_l_log(lua_State *L);                           /* native_log.c */

#endif
