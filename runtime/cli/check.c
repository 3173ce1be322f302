#include "cli/cli.h"
#include "cli/local.h"
#include "core/json_write.h"
#include "script/generation.h"
#include "script/load.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "anzol check scripts                       a folder's *.lua\n"
    "anzol check shop.lua --env-file .env\n"
    "anzol check scripts --no-secrets          where the secrets are not at hand, as in CI\n"
    "\n"
    "Loads the scripts as the daemon would and says every mistake, as file:line: message. Sends nothing.\n"
    "\n"
    "  PATH…                   scripts: files, or folders of *.lua\n"
    "      --env-file FILE     NAME=VALUE lines for secret and env; may be given again\n"
    "      --no-secrets        a missing secret is no mistake\n"
    "      --json              the result as JSON\n"
    "  -h, --help\n"
    "\n"
    "Exit codes: 0 good, 78 there are mistakes.\n";

struct check {
    struct cli_texts env_files;
    bool no_secrets, json;
};

struct result {
    bool ok;
    size_t files, integrations, webhooks, flows;
    struct buf lines; /* mistakes, or warnings when it loads */
};

/* Files as they were read; they have just been, so that a failure now is a race and no news. */
static size_t count_files(const struct local_options *o)
{
    struct load l;
    struct buf errors;
    load_init(&l);
    buf_init(&errors);
    (void)load_paths(&l, o->paths, o->path_count, &errors, NULL);
    size_t n = l.file_count;
    buf_fini(&errors);
    load_fini(&l);
    return n;
}

/* --- JSON ------------------------------------------------------------------------------------------------------ */

/* A decimal number and the ':' after it, at `*p`; 0: none. */
static int64_t take_number(const char **p, const char *end)
{
    int64_t n = 0;
    const char *q = *p;
    while (q < end && *q >= '0' && *q <= '9' && n < 1000000000)
        n = 10 * n + (*q++ - '0');
    if (q == *p || q == end || *q != ':')
        return 0;
    *p = q + 1;
    return n;
}

/* "file:line: message" or "file:line:column: message"; anything else is a message alone. */
static void write_mistake(struct json_write *w, struct bytes text)
{
    const char *end = text.data + text.len, *p = text.data;
    int64_t line = 0, column = 0;
    struct bytes file = {NULL, 0};
    for (const char *colon = p; line == 0 && (colon = memchr(colon, ':', (size_t)(end - colon))) != NULL; colon++) {
        const char *after = colon + 1;
        line = take_number(&after, end);
        if (line > 0) {
            file = (struct bytes){text.data, (size_t)(colon - text.data)};
            column = take_number(&after, end);
            p = after;
        }
    }
    p += line > 0 && p < end && *p == ' ';
    json_write_object(w, NULL);
    if (line > 0) {
        json_write_bytes(w, "file", file);
        json_write_int(w, "line", line);
    }
    if (column > 0)
        json_write_int(w, "column", column);
    json_write_bytes(w, "message", (struct bytes){p, (size_t)(end - p)});
    json_write_end(w);
}

static void write_mistakes(struct json_write *w, const char *key, struct bytes lines)
{
    json_write_array(w, key);
    struct bytes line;
    while (bytes_next_line(&lines, &line))
        if (line.len > 0)
            write_mistake(w, line);
    json_write_end(w);
}

static int print_json(const struct result *r)
{
    static const struct bytes none = {NULL, 0};
    struct json_write w;
    struct buf out;
    buf_init(&out);
    json_write_init(&w, &out);
    json_write_object(&w, NULL);
    json_write_bool(&w, "ok", r->ok);
    write_mistakes(&w, "errors", r->ok ? none : buf_view(&r->lines));
    write_mistakes(&w, "warnings", r->ok ? buf_view(&r->lines) : none);
    if (r->ok) {
        json_write_int(&w, "files", (int64_t)r->files);
        json_write_int(&w, "integrations", (int64_t)r->integrations);
        json_write_int(&w, "webhooks", (int64_t)r->webhooks);
        json_write_int(&w, "flows", (int64_t)r->flows);
    }
    json_write_end(&w);
    const char *text = buf_cstr(&out);
    if (text != NULL)
        puts(text);
    else
        cli_say("check", "out of memory");
    buf_fini(&out);
    return text != NULL ? 0 : -1;
}

/* --- words ----------------------------------------------------------------------------------------------------- */

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static size_t count_lines(struct bytes text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += text.data[i] == '\n';
    return n;
}

static void print_words(const struct result *r)
{
    size_t lines = count_lines(buf_view(&r->lines));
    if (r->lines.len > 0)
        fwrite(r->lines.data, 1, r->lines.len, stderr);
    if (r->ok)
        printf("%zu file%s, %zu integration%s, %zu webhook%s, %zu flow%s: good\n", r->files, plural(r->files),
               r->integrations, plural(r->integrations), r->webhooks, plural(r->webhooks), r->flows, plural(r->flows));
    else
        printf("%zu mistake%s\n", lines, plural(lines));
}

/* --------------------------------------------------------------------------------------------------------------- */

static void load(const struct local_options *o, struct result *r)
{
    struct local l;
    struct err e;
    err_clear(&e);
    r->ok = local_load(&l, o, &r->lines, &e) == 0;
    if (r->ok) {
        r->files = count_files(o);
        r->integrations = generation_integration_count(l.generation);
        r->webhooks = generation_webhook_count(l.generation);
        r->flows = generation_flow_count(l.generation);
    } else if (r->lines.len == 0)
        buf_printf(&r->lines, "%s\n", e.message);
    local_fini(&l);
}

static int run(const struct check *c, const char *const *paths, size_t count)
{
    struct result r = {.ok = false};
    const struct local_options o = {
        .paths = paths,
        .path_count = count,
        .env_files = c->env_files.items,
        .env_file_count = c->env_files.count,
        .secrets_optional = c->no_secrets,
    };
    buf_init(&r.lines);
    load(&o, &r);
    int code = r.ok ? EXIT_OK : EXIT_SCRIPTS;
    if (!c->json)
        print_words(&r);
    else if (print_json(&r) != 0)
        code = EXIT_FAILED;
    buf_fini(&r.lines);
    return code;
}

int command_check(int argc, char **argv)
{
    struct check c = {.json = false};
    const struct cli_option options[] = {
        {.name = "env-file", .texts = &c.env_files},
        {.name = "no-secrets", .flag = &c.no_secrets},
        CLI_JSON(&c.json),
    };
    const struct cli_line line = {
        .command = "check",
        .help = help,
        .operands = "PATH",
        .operands_min = 1,
        .operands_max = -1,
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    return code >= 0 ? code : run(&c, (const char *const *)&argv[optind], (size_t)(argc - optind));
}
