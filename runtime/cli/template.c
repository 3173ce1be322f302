#include "cli/cli.h"
#include "cli/input.h"
#include "cli/local.h"
#include "script/generation.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "anzol template 'Hello ${Customer.Name}' --data order.json\n"
    "anzol template 'orders?mail=${Customer.Email}' --data order.json --as url\n"
    "\n"
    "Renders one template, as a webhook would. Needs neither scripts nor a daemon.\n"
    "\n"
    "  TEXT                    the template; - is standard input\n"
    "      --data FILE         the data, JSON; - is standard input (default {})\n"
    "      --as PLACE          text, json, form, url, header or xml: what is escaped how (default text)\n"
    "  -h, --help\n";

static int render(const char *as, struct bytes text, struct bytes data)
{
    struct local l;
    struct buf errors, out;
    struct err e;
    const struct local_options o = {.secrets_optional = true};
    err_clear(&e);
    buf_init(&errors);
    buf_init(&out);
    int code = EXIT_FAILED;
    if (local_load(&l, &o, &errors, &e) != 0 || generation_template(l.generation, text, as, data, &out, &e) != 0)
        cli_say("template", "%s", e.message);
    else {
        if (out.len > 0)
            fwrite(out.data, 1, out.len, stdout);
        putchar('\n');
        code = EXIT_OK;
    }
    local_fini(&l);
    buf_fini(&out);
    buf_fini(&errors);
    return code;
}

static int run(const char *text, const char *as, const char *path)
{
    struct buf data, in;
    struct bytes template;
    struct err e;
    err_clear(&e);
    buf_init(&data);
    buf_init(&in);
    bool read = input_json(path, &data, &e) == 0 && input_operand(text, &in, &template, &e) == 0;
    int code = read ? render(as, template, buf_view(&data)) : cli_fail("template", &e);
    buf_fini(&in);
    buf_fini(&data);
    return code;
}

int command_template(int argc, char **argv)
{
    const char *as = "text", *data = NULL;
    const struct cli_option options[] = {{.name = "data", .text = &data}, {.name = "as", .text = &as}};
    const struct cli_line line = {
        .command = "template",
        .help = help,
        .operands = "TEXT",
        .operands_min = 1,
        .operands_max = 1,
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    static const char *const places[] = {"text", "json", "form", "url", "header", "xml"};
    if (data != NULL && strcmp(data, "-") == 0 && strcmp(argv[optind], "-") == 0)
        return cli_misuse("template", "standard input can be the template or the data, not both");
    return cli_one_of("template", "as", as, places, sizeof places / sizeof *places) ? run(argv[optind], as, data)
                                                                                    : EXIT_USAGE;
}
