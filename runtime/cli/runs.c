#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "core/run.h"

#include <jansson.h>
#include <string.h>

static const char help[] =
    "anzol runs                                the latest\n"
    "anzol runs --state failed                 running, waiting, sleeping, queued, succeeded, failed, parked or "
    "canceled\n"
    "anzol runs --flow checkout --since 1h\n"
    "anzol runs --state parked --json | jq -r '.runs[].id' | xargs -r anzol resume --current\n"
    "\n"
    "The runs of flows, the newest first.\n"
    "\n"
    "      --flow NAME         of this flow\n"
    "      --state STATE       in this state; with a folder instead: the daemon's folder, as in the other commands\n"
    "      --since TIME        started at or after: 2026-11-23T10:00:00Z, 2026-11-23, or 1h (ago)\n"
    "      --until TIME        started before\n"
    "      --limit N           how many a page (default 100, at most 1000)\n"
    "      --cursor CURSOR     the next page, as the last one said\n"
    "  -s, --state-dir DIR     the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
    "      --json              the daemon's answer as it is\n"
    "  -h, --help\n";

/* Why it failed, or until when it does nothing. */
static void add_result(struct table *t, const struct render *r, const json_t *run)
{
    char due[RENDER_TIME_SIZE];
    render_time_text(r, ask_text(run, "due_at"), due);
    if (ask_text(run, "error")[0] != '\0')
        table_add(t, STYLE_BAD, "%s", ask_text(run, "error"));
    else
        table_add(t, STYLE_PLAIN, "%s%s", due[0] != '\0' ? "until " : "", due);
}

static void add_row(struct table *t, const struct render *r, const json_t *run)
{
    char time[RENDER_TIME_SIZE];
    const char *state = ask_text(run, "state");
    render_time_text(r, ask_text(run, "created_at"), time);
    table_add(t, STYLE_PLAIN, "%s", ask_text(run, "id"));
    table_add(t, STYLE_DIM, "%s", time);
    table_add(t, STYLE_PLAIN, "%s", ask_text(run, "flow"));
    table_add(t, STYLE_PLAIN, "%s", ask_text(run, "key"));
    table_add(t, style_of_state(state), "%s", state);
    table_add(t, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(run, "step_count")));
    add_result(t, r, run);
}

int command_runs(int argc, char **argv)
{
    static const char *const titles[] = {"ID", "TIME", "FLOW", "KEY", "STATE", "STEPS", "RESULT"};
    const char *states[RUN_STATE_COUNT];
    for (int i = 0; i < RUN_STATE_COUNT; i++)
        states[i] = run_state_name((enum run_state)i);
    const struct listing l = {
        .command = "runs",
        .help = help,
        .of = "flow",
        .hint = HINT_FLOW,
        .states = states,
        .state_count = RUN_STATE_COUNT,
        .titles = titles,
        .columns = sizeof titles / sizeof *titles,
        .add_row = add_row,
    };
    return listing_command(&l, argc, argv);
}
