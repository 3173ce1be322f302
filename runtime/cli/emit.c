#include "cli/ask.h"
#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/envelope.h"
#include "cli/hint.h"
#include "cli/input.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>

static const char help[] =
    "anzol emit order.paid --data order.json             an event with this data\n"
    "anzol emit order.paid --data order.json --id 4711   not processed again under this id within 24 hours\n"
    "jq -c .order big.json | anzol emit order.paid --data -\n"
    "anzol emit --ndjson events.ndjson                   many, one {\"name\",\"id\"?,\"data\"} a line\n"
    "\n"
    "Gives an event to the daemon. It is stored when the command ends; its deliveries and runs go their way.\n"
    "\n"
    "  EVENT                   its name\n"
    "      --data FILE         its data, JSON; - is standard input (default {})\n"
    "      --id ID             your id of the event\n"
    "      --ndjson FILE       a stream of events instead; - is standard input\n"
    "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
    "      --json              the daemon's answer as it is\n"
    "  -h, --help\n";

struct emit {
    const char *state, *data, *id, *ndjson;
    bool json;
};

static void say_unheard(const char *state, const char *event)
{
    char hint[HINT_SIZE];
    (void)hint_known(state, HINT_EVENT, event, hint);
    cli_say("emit", "no webhook or flow is on '%s', so nothing is sent%s", event,
            hint[0] != '\0' ? hint : "; see: anzol list");
}

static void print_answer(const struct emit *o, const json_t *root, const char *event)
{
    const json_t *deliveries = json_object_get(root, "deliveries"), *runs = json_object_get(root, "runs");
    json_int_t woken = json_integer_value(json_object_get(root, "woken"));
    printf("event     %s\n", ask_text(root, "id"));
    for (size_t i = 0; i < json_array_size(deliveries); i++)
        printf("delivery  %s\n", ask_text_of(json_array_get(deliveries, i)));
    for (size_t i = 0; i < json_array_size(runs); i++)
        printf("run       %s\n", ask_text_of(json_array_get(runs, i)));
    if (woken > 0)
        printf("woken     %" JSON_INTEGER_FORMAT " run%s\n", woken, woken == 1 ? "" : "s");
    if (json_is_true(json_object_get(root, "duplicate")))
        cli_say("emit", "an event with this id came before; it is not processed again");
    else if (json_array_size(deliveries) + json_array_size(runs) == 0 && woken == 0)
        say_unheard(o->state, event);
}

static int send_event(const struct emit *o, const char *event, struct bytes envelope)
{
    struct client_answer a;
    json_t *root;
    struct ask q = {
        .command = "emit", .state = o->state, .method = "POST", .type = "application/json", .body = envelope};
    int code = ask_json(&q, "/v1/events", &a, &root);
    if (code != EXIT_OK)
        return code;
    if (o->json)
        ask_print(&a);
    else
        print_answer(o, root, event);
    json_decref(root);
    buf_fini(&a.body);
    return EXIT_OK;
}

static int emit(const struct emit *o, const char *event)
{
    struct err e;
    struct buf data, envelope;
    int code;
    err_clear(&e);
    buf_init(&data);
    buf_init(&envelope);
    if (input_json(o->data, &data, &e) != 0)
        code = cli_fail("emit", &e);
    else {
        envelope_write(&envelope, event, o->id, buf_view(&data));
        if (buf_failed(&envelope)) {
            err_memory(&e);
            code = cli_fail("emit", &e);
        } else
            code = send_event(o, event, buf_view(&envelope));
    }
    buf_fini(&envelope);
    buf_fini(&data);
    return code;
}

int command_emit(int argc, char **argv)
{
    struct emit o = {.state = cli_default_state()};
    const struct cli_option options[] = {
        {.name = "data", .text = &o.data},
        {.name = "id", .text = &o.id},
        {.name = "ndjson", .text = &o.ndjson},
        CLI_STATE(&o.state),
        CLI_JSON(&o.json),
    };
    const struct cli_line line = {
        .command = "emit",
        .help = help,
        .operands = "EVENT",
        .operands_max = 1,
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    if (code >= 0)
        return code;
    if (o.ndjson != NULL && (optind < argc || o.data != NULL || o.id != NULL))
        return cli_misuse("emit", "--ndjson carries names, ids and data itself; no EVENT, --data or --id beside it");
    if (o.ndjson != NULL)
        return batch_send(o.state, o.ndjson, o.json);
    if (optind == argc)
        return cli_misuse("emit", "EVENT is missing; expected: anzol emit EVENT --data FILE");
    return emit(&o, argv[optind]);
}
