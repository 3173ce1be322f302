#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/exchange.h"
#include "cli/input.h"
#include "cli/local.h"
#include "script/generation.h"

#include <getopt.h>
#include <jansson.h>

static const char help[] =
    "anzol preview order_paid --data order.json                     as the daemon would send it\n"
    "anzol preview order_paid scripts --data order.json             without a daemon\n"
    "\n"
    "The request a webhook makes of this data: URL, headers, body, secrets masked. Sends nothing.\n"
    "\n"
    "  WEBHOOK                 its system name\n"
    "  PATH…                   scripts to load here instead of asking the daemon; also as --scripts PATH\n"
    "      --data FILE         the data, JSON; - is standard input (default {})\n"
    "      --env-file FILE     NAME=VALUE lines for secret and env, with scripts; may be given again\n"
    "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
    "      --json              the preview as JSON\n"
    "  -h, --help\n";

struct preview {
    const char *state, *webhook, *data;
    struct cli_texts scripts, env_files;
    bool json;
};

static void print_notes(const struct render *r, const json_t *root)
{
    const json_t *names = json_object_get(root, "deselected");
    for (size_t i = 0; i < json_array_size(names); i++)
        render_text(r, STYLE_DIM, "(without the integration's %s)\n", ask_text_of(json_array_get(names, i)));
    if (json_is_false(json_object_get(root, "idempotent")))
        cli_say("preview", "no ${WebhookRequest.TransactionalId} in it: retried only when it certainly never left");
}

static int print(const struct preview *o, struct client_answer *a)
{
    struct render r;
    if (o->json) {
        ask_print(a);
        return EXIT_OK;
    }
    json_t *root = ask_parse(a);
    if (root == NULL) {
        cli_say("preview", "the preview is not JSON");
        return EXIT_FAILED;
    }
    render_init(&r, stdout);
    exchange_print_request(&r, root);
    print_notes(&r, root);
    json_decref(root);
    return EXIT_OK;
}

static int ask_daemon(const struct preview *o, struct bytes data, struct client_answer *a)
{
    struct buf path;
    struct ask q = {
        .command = "preview", .state = o->state, .method = "POST", .type = "application/json", .body = data};
    int code = EXIT_FAILED;
    buf_init(&path);
    buf_append_str(&path, "/v1/webhooks/");
    ask_append(&path, o->webhook);
    buf_append_str(&path, "/preview");
    const char *text = buf_cstr(&path);
    if (text == NULL)
        cli_say("preview", "out of memory");
    else
        code = ask(&q, text, a);
    buf_fini(&path);
    return code;
}

static int render_here(const struct preview *o, struct bytes data, struct client_answer *a)
{
    struct local l;
    struct buf errors;
    struct err e;
    const struct local_options options = {
        .paths = o->scripts.items,
        .path_count = o->scripts.count,
        .env_files = o->env_files.items,
        .env_file_count = o->env_files.count,
        .secrets_optional = true,
    };
    err_clear(&e);
    buf_init(&errors);
    int code = EXIT_OK;
    if (local_load(&l, &options, &errors, &e) != 0) {
        code = EXIT_SCRIPTS;
        if (errors.len > 0)
            fwrite(errors.data, 1, errors.len, stderr);
        else
            cli_say("preview", "%s", e.message);
    } else if (generation_preview(l.generation, o->webhook, data, &a->body, &e) != 0) {
        a->status = e.code;
        code = cli_fail("preview", &e);
    }
    local_fini(&l);
    buf_fini(&errors);
    return code;
}

static int preview(const struct preview *o, struct bytes data)
{
    struct client_answer a = {.status = 200};
    buf_init(&a.body);
    int code = o->scripts.count > 0 ? render_here(o, data, &a) : ask_daemon(o, data, &a);
    if (code == EXIT_OK)
        code = print(o, &a);
    else if (a.status == 422 && o->data == NULL)
        cli_say("preview", "without --data FILE the data is {}");
    buf_fini(&a.body);
    return code;
}

static int run(const struct preview *o)
{
    struct buf data;
    struct err e;
    err_clear(&e);
    buf_init(&data);
    int code = input_json(o->data, &data, &e) == 0 ? preview(o, buf_view(&data)) : cli_fail("preview", &e);
    buf_fini(&data);
    return code;
}

int command_preview(int argc, char **argv)
{
    struct preview o = {.state = cli_default_state()};
    const struct cli_option options[] = {
        {.name = "data", .text = &o.data},
        {.name = "scripts", .texts = &o.scripts},
        {.name = "env-file", .texts = &o.env_files},
        CLI_STATE(&o.state),
        CLI_JSON(&o.json),
    };
    const struct cli_line line = {
        .command = "preview",
        .help = help,
        .operands = "WEBHOOK",
        .operands_min = 1,
        .operands_max = 1 + CLI_TEXTS_MAX,
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    o.webhook = argv[optind];
    for (int i = optind + 1; i < argc && o.scripts.count < CLI_TEXTS_MAX; i++)
        o.scripts.items[o.scripts.count++] = argv[i];
    if (o.env_files.count > 0 && o.scripts.count == 0)
        return cli_misuse("preview", "--env-file goes with scripts: the daemon has its own");
    return run(&o);
}
