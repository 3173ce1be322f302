#include "cli/cli.h"

#include "core/memory.h"
#include "core/nearest.h"

#include <ev.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMANDS_MAX = 32, NAME_MAX_BYTES = 64 };

static const char examples[] =
    "anzol dev scripts                          the daemon and a receiver, on this terminal\n"
    "anzol check scripts                        every mistake in the scripts at once\n"
    "anzol run scripts                          the daemon\n"
    "anzol emit order.paid --data order.json    an event to it\n"
    "anzol deliveries --state failed            what became of it\n";

static void print_help(const struct command *commands, size_t count, FILE *out)
{
    fputs(examples, out);
    fputs("\nanzol delivers webhooks: Lua scripts say what is sent; the daemon sends it durably, within each "
          "receiver's rate.\n\n",
          out);
    for (size_t i = 0; i < count; i++) {
        const struct command *c = &commands[i];
        if (i == 0 || strcmp(c->group, commands[i - 1].group) != 0)
            fprintf(out, "%s%s:\n", i == 0 ? "" : "\n", c->group);
        /* "…" is three bytes and one column. */
        int width = strstr(c->operands, "…") != NULL ? 10 : 8;
        fprintf(out, "  %-10s %-*s  %s\n", c->name, width, c->operands, c->summary);
    }
    fputs("\n"
          "  help       COMMAND   its examples and options; also: anzol COMMAND --help\n"
          "  version\n"
          "\n"
          "Exit codes: 0 ok, 1 failed, 2 usage, 69 no daemon, 78 the scripts do not load.\n",
          out);
}

static const struct command *find(const struct command *commands, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown(const struct command *commands, size_t count, const char *typed)
{
    const char *names[COMMANDS_MAX + 2] = {"help", "version"};
    size_t n = 2;
    for (size_t i = 0; i < count && i < COMMANDS_MAX; i++)
        names[n++] = commands[i].name;
    const char *what = typed[0] == '-' ? "option" : "command";
    const char *near = nearest(typed, names, n);
    if (near != NULL)
        return cli_misuse(NULL, "unknown %s '%s'; did you mean '%s'?", what, typed, near);
    return cli_misuse(NULL, "unknown %s '%s'", what, typed);
}

/* What getopt says by itself begins with argv[0]. */
static int run(const struct command *c, int argc, char **argv)
{
    static char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "anzol %s", c->name);
    argv[0] = name;
    return c->run(argc, argv);
}

static int help_of(const struct command *commands, size_t count, char *name)
{
    if (name == NULL) {
        print_help(commands, count, stdout);
        return EXIT_OK;
    }
    const struct command *c = find(commands, count, name);
    char ask[] = "--help";
    char *argv[] = {name, ask, NULL};
    return c != NULL ? run(c, 2, argv) : unknown(commands, count, name);
}

static int choose(const struct command *commands, size_t count, int argc, char **argv)
{
    if (argc < 2) {
        print_help(commands, count, stderr);
        return EXIT_USAGE;
    }
    char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help_of(commands, count, NULL);
    if (strcmp(name, "help") == 0)
        return help_of(commands, count, argc > 2 && argv[2][0] != '-' ? argv[2] : NULL);
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0 || strcmp(name, "version") == 0) {
        puts("anzol " ANZOL_VERSION);
        return EXIT_OK;
    }
    const struct command *c = find(commands, count, name);
    return c != NULL ? run(c, argc - 1, argv + 1) : unknown(commands, count, name);
}

/* A reader that has seen enough (`anzol deliveries | head`) is no news; a full disk is. */
static bool reader_is_gone(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0;
}

static int finish(int code)
{
    bool failed = ferror(stdout) != 0;
    if (fflush(stdout) == 0 && !failed)
        return code;
    if (!reader_is_gone())
        fputs("anzol: cannot write to standard output\n", stderr);
    return code != EXIT_OK ? code : EXIT_FAILED;
}

static void *ev_insist(void *block, long size)
{
    return memory_insist(block, (size_t)size);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return size == 0 ? NULL : memory_insist(NULL, size);
}

static void *crypto_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return memory_insist(block, size);
}

static void crypto_free(void *block, const char *file, int line)
{
    (void)file, (void)line;
    free(block);
}

/* Before any of them allocates, and before there are threads. */
static void set_allocators(void)
{
    ev_set_allocator(ev_insist);
    json_set_alloc_funcs(memory_alloc, free);
    (void)CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free);
}

int cli_main(const struct command *commands, size_t count, int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    set_allocators();
    return finish(choose(commands, count, argc, argv));
}
