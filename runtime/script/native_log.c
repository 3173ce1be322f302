/* native: log(level, message, fields). */
#include "core/json_write.h"
#include "core/log.h"
#include "script/budget.h"
#include "script/native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 16, NUMBER_SIZE = 32 };

static enum log_level check_level(lua_State *L)
{
    static const char *const names[] = {"debug", "info", "warn", "error", NULL};
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
    return levels[luaL_checkoption(L, 1, "info", names)];
}

static struct log_field number_field(lua_State *L, const char *key, char text[NUMBER_SIZE])
{
    if (lua_isinteger(L, -1))
        return (struct log_field){.key = key, .kind = LOG_FIELD_INT, .n = lua_tointeger(L, -1)};
    if (json_number(text, lua_tonumber(L, -1)) != 0)
        snprintf(text, NUMBER_SIZE, "%g", lua_tonumber(L, -1)); /* "nan", "inf" */
    return (struct log_field){.key = key, .kind = LOG_FIELD_STR, .s = bytes_of(text)};
}

/* The field of the value at the top; false for what a line cannot hold. */
static bool read_field(lua_State *L, const char *key, char text[NUMBER_SIZE], struct log_field *f)
{
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        *f = (struct log_field){.key = key, .kind = LOG_FIELD_BYTES, .s = native_string_at(L, -1)};
        return true;
    case LUA_TNUMBER:
        *f = number_field(L, key, text);
        return true;
    case LUA_TBOOLEAN:
        *f = (struct log_field){.key = key, .kind = LOG_FIELD_BOOL, .n = lua_toboolean(L, -1)};
        return true;
    }
    return false;
}

static int compare(const void *a, const void *b)
{
    const struct log_field *x = a, *y = b;
    return strcmp(x->key, y->key);
}

/* Strings stay alive in the table at index 3. */
static size_t read_fields(lua_State *L, struct log_field *fields, char text[][NUMBER_SIZE])
{
    size_t n = 0;
    lua_pushnil(L);
    while (n < FIELDS_MAX && lua_next(L, 3) != 0) {
        if (lua_type(L, -2) == LUA_TSTRING && read_field(L, lua_tostring(L, -2), text[n], &fields[n]))
            n++;
        lua_pop(L, 1);
    }
    qsort(fields, n, sizeof *fields, compare); /* the order of a table is not one */
    return n;
}

int native_l_log(lua_State *L)
{
    struct native *n = native_self(L);
    enum log_level level = check_level(L);
    budget_check(L); /* a line takes as long as its texts are */
    struct bytes message;
    message.data = luaL_checklstring(L, 2, &message.len);
    struct log_field fields[FIELDS_MAX + 2] = {LOG_BYTES("message", message)};
    char text[FIELDS_MAX][NUMBER_SIZE];
    size_t count = 0;
    if (n->log == NULL)
        return 0;
    if (lua_istable(L, 3))
        count = read_fields(L, fields + 1, text);
    fields[count + 1] = (struct log_field){.key = NULL};
    log_fields(n->log, level, "script.log", fields);
    return 0;
}
