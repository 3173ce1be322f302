#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/exchange.h"
#include "cli/input.h"
#include "core/units.h"
#include "net/server.h"

#include <getopt.h>
#include <jansson.h>
#include <string.h>

static const char help[] =
    "anzol send order_paid --data order.json             one delivery now, the exchange shown\n"
    "echo '{\"Order\": {\"Id\": 1}}' | anzol send order_paid --data - --wait 5s\n"
    "\n"
    "Makes one delivery of a webhook through the daemon and waits for its outcome. Ends with 0 only when it "
    "succeeded.\n"
    "\n"
    "  WEBHOOK                 its system name\n"
    "      --data FILE         the data, JSON; - is standard input (default {})\n"
    "      --wait DURATION     how long to wait for the outcome (default 30s); the delivery goes on in any case\n"
    "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
    "      --json              the delivery as the daemon shows it\n"
    "  -h, --help\n";

struct send {
    const char *state, *webhook, *data;
    int64_t wait_ms;
    bool json;
};

static const int64_t ANSWER_MARGIN_MS = 10000;

/* Prints the delivery and judges it. */
static int report(const struct send *o, const struct client_answer *a, const json_t *root)
{
    char waited[32];
    struct render r;
    const char *state = ask_text(root, "state");
    render_init(&r, stdout);
    if (o->json)
        ask_print(a);
    else
        exchange_print_delivery(&r, root, buf_view(&a->body));
    if (strcmp(state, "succeeded") == 0)
        return EXIT_OK;
    units_format_duration(o->wait_ms, waited);
    if (strcmp(state, "failed") != 0 && strcmp(state, "unknown") != 0 && strcmp(state, "canceled") != 0)
        cli_say("send", "%s after %s; it goes on: anzol show %s", state, waited, ask_text(root, "id"));
    return EXIT_FAILED;
}

/* The wait was over before the delivery: what there is of it so far. */
static int report_unfinished(const struct send *o, const char *id)
{
    struct client_answer a;
    json_t *root;
    struct buf path;
    struct ask q = {.command = "send", .state = o->state, .method = "GET"};
    buf_init(&path);
    buf_append_str(&path, "/v1/deliveries/");
    ask_append(&path, id);
    const char *text = buf_cstr(&path);
    int code = EXIT_FAILED;
    if (text == NULL)
        cli_say("send", "out of memory");
    else
        code = ask_json(&q, text, &a, &root);
    if (text != NULL && code == EXIT_OK) {
        code = report(o, &a, root);
        json_decref(root);
        buf_fini(&a.body);
    }
    buf_fini(&path);
    return code;
}

static int call(const struct send *o, const char *path, struct bytes data)
{
    struct client_answer a;
    json_t *root;
    struct ask q = {
        .command = "send",
        .state = o->state,
        .method = "POST",
        .type = "application/json",
        .body = data,
        .timeout_ms = o->wait_ms + ANSWER_MARGIN_MS,
    };
    int code = ask_json(&q, path, &a, &root);
    if (code != EXIT_OK)
        return code;
    code = a.status == 200 ? report(o, &a, root) : report_unfinished(o, ask_text(root, "id"));
    json_decref(root);
    buf_fini(&a.body);
    return code;
}

static int run(const struct send *o)
{
    struct err e;
    struct buf data, path;
    err_clear(&e);
    buf_init(&data);
    buf_init(&path);
    buf_append_str(&path, "/v1/webhooks/");
    ask_append(&path, o->webhook);
    buf_printf(&path, "?wait=%lldms", (long long)o->wait_ms);
    int rc = input_json(o->data, &data, &e);
    if (rc == 0 && buf_cstr(&path) == NULL)
        rc = err_memory(&e);
    int code = rc == 0 ? call(o, buf_cstr(&path), buf_view(&data)) : cli_fail("send", &e);
    buf_fini(&path);
    buf_fini(&data);
    return code;
}

int command_send(int argc, char **argv)
{
    struct send o = {.state = cli_default_state(), .wait_ms = 30000};
    const struct cli_option options[] = {
        {.name = "data", .text = &o.data},
        {.name = "wait", .ms = &o.wait_ms, .most = API_WAIT_MAX_MS},
        CLI_STATE(&o.state),
        CLI_JSON(&o.json),
    };
    const struct cli_line line = {
        .command = "send",
        .help = help,
        .operands = "WEBHOOK",
        .operands_min = 1,
        .operands_max = 1,
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    o.webhook = argv[optind];
    return run(&o);
}
