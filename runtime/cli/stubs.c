#include "cli/cli.h"
#include "cli/local.h"
#include "script/generation.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
    "anzol stubs > .luals/anzol.lua            and in .luarc.json: { \"workspace.library\": [\".luals\"] }\n"
    "anzol stubs --markdown | less\n"
    "\n"
    "What scripts may say, as definitions for editors that speak with the Lua language server: they complete and check "
    "what you write, and show what each word does.\n"
    "\n"
    "      --markdown          for people instead\n"
    "  -h, --help\n";

static int print(bool markdown)
{
    const struct local_options none = {.path_count = 0};
    struct local l;
    struct buf errors, text;
    struct err e;
    err_clear(&e);
    buf_init(&errors);
    buf_init(&text);
    int rc = local_load(&l, &none, &errors, &e);
    if (rc == 0)
        rc = generation_api(l.generation, markdown ? "api_markdown" : "api_stubs", &text, &e);
    if (rc == 0 && text.len > 0)
        fwrite(text.data, 1, text.len, stdout);
    local_fini(&l);
    buf_fini(&errors);
    buf_fini(&text);
    return rc == 0 ? EXIT_OK : cli_fail("stubs", &e);
}

int command_stubs(int argc, char **argv)
{
    bool markdown = false;
    const struct cli_option options[] = {{.name = "markdown", .flag = &markdown}};
    const struct cli_line line = {
        .command = "stubs",
        .help = help,
        .operands = "",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    return code >= 0 ? code : print(markdown);
}
