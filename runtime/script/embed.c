/*
 * embed: at build time, compiles the given Lua files and writes a C file that holds them: embed stdlib/boot.lua … >
 * stdlib.c. "stdlib/template/lexer.lua" becomes the entry "stdlib.template.lexer". See stdlib.h.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_A_LINE = 24, FILE_NAME_MAX = 256 };

/* stdlib/a/b.lua -> stdlib.a.b */
static void print_module_name(const char *file)
{
    size_t len = strlen(file) - strlen(".lua");
    for (size_t i = 0; i < len; i++)
        putchar(file[i] == '/' ? '.' : file[i]);
}

static int write_bytes(lua_State *L, const void *data, size_t len, void *ud)
{
    size_t *count = ud;
    (void)L;
    for (const unsigned char *p = data; p < (const unsigned char *)data + len; p++)
        printf(++*count % BYTES_A_LINE == 0 ? "%d,\n" : "%d,", *p);
    return 0;
}

/* With what names its lines and variables: a mistake in it is to be found. */
static int embed(lua_State *L, const char *file, int number)
{
    char chunk[FILE_NAME_MAX];
    size_t count = 0, len = strlen(file);
    if (len < 4 || strcmp(file + len - 4, ".lua") != 0 || len >= FILE_NAME_MAX - 1) {
        fprintf(stderr, "embed: %s: not the name of a Lua file\n", file);
        return -1;
    }
    snprintf(chunk, sizeof chunk, "@%s", file);
    FILE *f = fopen(file, "rb");
    char *text = NULL;
    size_t size = 0;
    if (f == NULL || getdelim(&text, &size, '\0', f) < 0 || !feof(f)) {
        fprintf(stderr, "embed: %s: cannot be read, or has a NUL in it\n", file);
        return -1;
    }
    fclose(f);
    if (luaL_loadbufferx(L, text, strlen(text), chunk, "t") != LUA_OK) {
        fprintf(stderr, "embed: %s\n", lua_tostring(L, -1));
        return -1;
    }
    free(text);
    printf("static const unsigned char file_%d[] = {\n", number);
    lua_dump(L, write_bytes, &count, 0);
    printf("};\n");
    lua_pop(L, 1);
    return 0;
}

int main(int argc, char **argv)
{
    lua_State *L = luaL_newstate();
    if (L == NULL)
        return 1;
    printf("/* Written by runtime/script/embed.c. */\n#include \"script/stdlib.h\"\n\n");
    for (int i = 1; i < argc; i++)
        if (embed(L, argv[i], i) != 0)
            return 1;
    printf("\nconst struct stdlib_file stdlib_files[] = {\n");
    for (int i = 1; i < argc; i++) {
        printf("    {\"");
        print_module_name(argv[i]);
        printf("\", file_%d, sizeof file_%d},\n", i, i);
    }
    printf("    {0, 0, 0},\n};\nconst size_t stdlib_file_count = %d;\n", argc - 1);
    lua_close(L);
    return fflush(stdout) != 0;
}
