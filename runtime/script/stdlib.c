#include "script/stdlib.h"

#include "script/library.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char PREFIX[] = "stdlib.";

static const struct stdlib_file *find_embedded(const char *name)
{
    for (size_t i = 0; i < stdlib_file_count; i++)
        if (strcmp(stdlib_files[i].name, name) == 0)
            return &stdlib_files[i];
    return NULL;
}

/* "stdlib.a.b" -> "a/b.lua" (pushed). */
static const char *push_file_name(lua_State *L, const char *name)
{
    luaL_gsub(L, name + sizeof PREFIX - 1, ".", "/");
    const char *file = lua_pushfstring(L, "%s.lua", lua_tostring(L, -1));
    lua_remove(L, -2);
    return file;
}

struct reading {
    FILE *f;
    char part[4096];
};

static const char *on_read(lua_State *L, void *ud, size_t *len)
{
    struct reading *r = ud;
    (void)L;
    *len = fread(r->part, 1, sizeof r->part, r->f);
    return *len == 0 ? NULL : r->part;
}

/* lua_load() raises nothing, so the file is closed whatever happens. */
static void load_from_folder(lua_State *L, const char *folder, const char *name)
{
    const char *file = push_file_name(L, name);
    const char *path = lua_pushfstring(L, "%s/%s", folder, file);
    const char *chunk = lua_pushfstring(L, "@stdlib/%s", file);
    struct reading r = {.f = fopen(path, "rbe")};
    if (r.f == NULL)
        luaL_error(L, "cannot read %s (ANZOL_STDLIB)", path);
    int status = lua_load(L, on_read, &r, chunk, "t");
    bool bad = ferror(r.f);
    fclose(r.f);
    if (status != LUA_OK)
        lua_error(L);
    if (bad)
        luaL_error(L, "cannot read %s (ANZOL_STDLIB)", path);
    lua_replace(L, -4);
    lua_pop(L, 2);
}

void stdlib_load(lua_State *L, const char *name)
{
    luaL_checkstack(L, 8, "stdlib");
    const char *folder = getenv("ANZOL_STDLIB");
    if (folder != NULL && *folder != '\0') {
        load_from_folder(L, folder, name);
        return;
    }
    const struct stdlib_file *f = find_embedded(name);
    if (f == NULL)
        luaL_error(L, "there is no module '%s'", name);
    if (luaL_loadbufferx(L, (const char *)f->data, f->len, name, "b") != LUA_OK)
        lua_error(L);
}

/* Pushes what loads the module: its entry in package.preload, or its chunk. */
static void push_loader(lua_State *L, const char *name)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    if (lua_getfield(L, -1, name) != LUA_TNIL) {
        lua_remove(L, -2);
        return;
    }
    lua_pop(L, 2);
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
        luaL_error(L, "there is no module '%s'", name);
    stdlib_load(L, name);
}

static int l_require(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, 2, name) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    push_loader(L, name);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, name);
    return 1;
}

void stdlib_open(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, library_open_cjson);
    lua_setfield(L, -2, "cjson");
    lua_newtable(L);
    lua_insert(L, -2);
    lua_setfield(L, -2, "preload");
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_setfield(L, -2, "loaded");
    lua_setglobal(L, "package");
    lua_pushcfunction(L, l_require);
    lua_setglobal(L, "require");
}
