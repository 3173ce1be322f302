/*
 * json_reader: a valid JSON text, read from its beginning to its end straight to Lua values.
 *
 * Each function takes what it is named for from the text, blanks before it too, and pushes it if it is a value. False:
 * the text goes on in another way; that may be a mistake, or something rare that json_l_decode() takes. What is on the
 * stack then is for the caller to drop. All may raise, once the budget is over and when Lua is short of memory.
 */
#ifndef ANZOL_SCRIPT_JSON_READER_H
#define ANZOL_SCRIPT_JSON_READER_H

#include "core/buf.h"

#include <lua.h>

struct json_reader {
    lua_State *L;
    const char *p, *end;
    int metatable; /* of lists: its index */
    int depth;
    size_t seen; /* values, for the budget */
};

bool json_reader_begin(struct json_reader *r, lua_State *L, struct bytes text, int metatable);
bool json_reader_take(struct json_reader *r, char c);
bool json_reader_value(struct json_reader *r);
/* The name of a member, a view into the text, and the colon behind it; false of one with an escape. */
bool json_reader_name(struct json_reader *r, struct bytes *name);
bool json_reader_end(struct json_reader *r);

/* For json_read.c. What stands between the quotes, behind the first; *escaped: there are escapes in it. */
bool json_reader_scan(struct json_reader *r, struct bytes *text, bool *escaped);
/* The same, pushed as a value. `name`: of a member, which can have no NUL. */
bool json_reader_string(struct json_reader *r, bool name);

#endif
