#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "core/delivery.h"

#include <jansson.h>
#include <string.h>

static const char help[] =
    "anzol deliveries                          the latest\n"
    "anzol deliveries --state failed           queued, sending, waiting, succeeded, failed, unknown or canceled\n"
    "anzol deliveries --webhook order_paid --since 1h\n"
    "anzol deliveries --json | jq -r '.deliveries[].id'\n"
    "\n"
    "The log of deliveries, the newest first.\n"
    "\n"
    "      --webhook NAME      of this webhook\n"
    "      --state STATE       in this state; with a folder instead: the daemon's folder, as in the other commands\n"
    "      --since TIME        accepted at or after: 2026-11-23T10:00:00Z, 2026-11-23, or 1h (ago)\n"
    "      --until TIME        accepted before\n"
    "      --limit N           how many a page (default 100, at most 1000)\n"
    "      --cursor CURSOR     the next page, as the last one said\n"
    "  -s, --state-dir DIR     the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
    "      --json              the daemon's answer as it is\n"
    "  -h, --help\n";

static void add_result(struct table *t, const struct render *r, const json_t *d)
{
    char next[RENDER_TIME_SIZE];
    const json_t *error = json_object_get(d, "error");
    int status = (int)json_integer_value(json_object_get(d, "status"));
    const char *state = ask_text(d, "state"), *kind = ask_text(error, "kind"), *message = ask_text(error, "message");
    /* A webhook may have a rule of its own for what succeeds. */
    enum style style = strcmp(state, "succeeded") == 0  ? STYLE_GOOD
                       : kind[0] == '\0' && status != 0 ? style_of_status(status)
                                                        : STYLE_BAD;
    char code[16] = "";
    if (status != 0)
        snprintf(code, sizeof code, "%d", status);
    render_time_text(r, ask_text(d, "next_attempt_at"), next);
    bool waits = strcmp(state, "waiting") == 0 && next[0] != '\0';
    table_add(t, style, "%s%s%s%s%s%s%s%s", waits ? "next at " : "", waits ? next : "",
              waits && (status != 0 || kind[0] != '\0') ? " after " : "", code,
              status != 0 && kind[0] != '\0' ? " " : "", kind, message[0] != '\0' ? ": " : "", message);
}

static void add_row(struct table *t, const struct render *r, const json_t *d)
{
    char time[RENDER_TIME_SIZE];
    const char *state = ask_text(d, "state");
    render_time_text(r, ask_text(d, "created_at"), time);
    table_add(t, STYLE_PLAIN, "%s", ask_text(d, "id"));
    table_add(t, STYLE_DIM, "%s", time);
    table_add(t, STYLE_PLAIN, "%s", ask_text(d, "webhook"));
    table_add(t, style_of_state(state), "%s", state);
    table_add(t, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(d, "attempt_count")));
    add_result(t, r, d);
}

int command_deliveries(int argc, char **argv)
{
    static const char *const titles[] = {"ID", "TIME", "WEBHOOK", "STATE", "TRIES", "RESULT"};
    const char *states[DELIVERY_STATE_COUNT];
    for (int i = 0; i < DELIVERY_STATE_COUNT; i++)
        states[i] = delivery_state_name((enum delivery_state)i);
    const struct listing l = {
        .command = "deliveries",
        .help = help,
        .of = "webhook",
        .hint = HINT_WEBHOOK,
        .states = states,
        .state_count = DELIVERY_STATE_COUNT,
        .titles = titles,
        .columns = sizeof titles / sizeof *titles,
        .add_row = add_row,
    };
    return listing_command(&l, argc, argv);
}
