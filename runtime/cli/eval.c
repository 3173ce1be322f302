#include "cli/cli.h"
#include "cli/input.h"
#include "cli/session.h"
#include "cli/signals.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
    "anzol eval '1 + 1'\n"
    "anzol eval 'return uuid()' --json\n"
    "anzol eval - < check.lua\n"
    "\n"
    "Evaluates Lua in the running daemon, as a line of anzol attach. What it prints and the values go to standard "
    "output.\n"
    "\n"
    "  CODE                    - is standard input\n"
    "      --json              the values as JSON: one as itself, several as an array; what it prints goes to "
    "standard error\n"
    "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
    "  -h, --help\n"
    "\n"
    "Exit codes: 0 evaluated, 1 failed or not complete, 69 no daemon. Ctrl-C cancels it.\n";

static int exit_code_of(const struct session *s)
{
    switch (s->end) {
    case SESSION_OK:
        return EXIT_OK;
    case SESSION_MORE:
        cli_say("eval", "the code is not complete");
        return EXIT_FAILED;
    case SESSION_OVER:
        return s->code;
    default:
        return EXIT_FAILED;
    }
}

static int evaluate(const char *state, struct bytes code, bool json)
{
    struct session s;
    int rc = session_open(&s, "eval", state, -1);
    if (rc != EXIT_OK)
        return rc;
    s.speech.json = json;
    signals_begin();
    session_eval(&s, code);
    signals_end();
    rc = exit_code_of(&s);
    session_close(&s);
    return rc;
}

static int run(const char *state, const char *text, bool json)
{
    struct buf in;
    struct bytes lua;
    struct err e;
    err_clear(&e);
    buf_init(&in);
    int code = input_operand(text, &in, &lua, &e) == 0 ? evaluate(state, lua, json) : cli_fail("eval", &e);
    buf_fini(&in);
    return code;
}

int command_eval(int argc, char **argv)
{
    const char *state = cli_default_state();
    bool json = false;
    const struct cli_option options[] = {CLI_STATE(&state), CLI_JSON(&json)};
    const struct cli_line line = {
        .command = "eval",
        .help = help,
        .operands = "CODE",
        .operands_min = 1,
        .operands_max = 1,
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    return code >= 0 ? code : run(state, argv[optind], json);
}
