/*
 * cli: what the subcommands share: the table they stand in, exit codes, options, messages.
 *
 * Data goes to stdout, messages to stderr. A command returns its exit code and leaves flushing stdout to cli_main(),
 * which turns a failed write into EXIT_FAILED.
 */
#ifndef ANZOL_CLI_CLI_H
#define ANZOL_CLI_CLI_H

#include "core/err.h"
#include "core/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_exit {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 69, /* EX_UNAVAILABLE of sysexits.h: no daemon */
    EXIT_SCRIPTS = 78,     /* EX_CONFIG: the scripts do not load */
};

struct command {
    const char *name;
    const char *operands; /* "PATH…", "" */
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is "anzol NAME" */
    const char *group;                 /* its heading in the help; those of one stand together */
};

int command_attach(int argc, char **argv);
int command_cancel(int argc, char **argv);
int command_check(int argc, char **argv);
int command_deliveries(int argc, char **argv);
int command_dev(int argc, char **argv);
int command_emit(int argc, char **argv);
int command_eval(int argc, char **argv);
int command_list(int argc, char **argv);
int command_listen(int argc, char **argv);
int command_preview(int argc, char **argv);
int command_reload(int argc, char **argv);
int command_repl(int argc, char **argv);
int command_resend(int argc, char **argv);
int command_restart(int argc, char **argv);
int command_resume(int argc, char **argv);
int command_run(int argc, char **argv);
int command_runs(int argc, char **argv);
int command_send(int argc, char **argv);
int command_show(int argc, char **argv);
int command_status(int argc, char **argv);
int command_stubs(int argc, char **argv);
int command_template(int argc, char **argv);

/* Finds and runs the command; help and version are its own. In dispatch.c. */
int cli_main(const struct command *commands, size_t count, int argc, char **argv);

/* --- options --------------------------------------------------------------------------------------------------- */

enum { CLI_TEXTS_MAX = 64 };
struct cli_texts {
    const char *items[CLI_TEXTS_MAX];
    size_t count;
};

/* One option; the pointer that is set says what kind it is and where its value goes. */
struct cli_option {
    const char *name;
    char letter; /* 0: none */
    bool *flag;
    const char **text;
    struct cli_texts *texts; /* may be given again */
    int *number;             /* from 1 to `most` */
    int64_t *ms;             /* a duration of at most `most` milliseconds */
    const char **time;       /* a point in time, or a duration before now */
    int64_t most;            /* 0: any */
};

/* The two that every command has that talks to the daemon. */
#define CLI_STATE(where)                                                                                               \
    {                                                                                                                  \
        .name = "state", .letter = 's', .text = (where)                                                                \
    }
#define CLI_JSON(where)                                                                                                \
    {                                                                                                                  \
        .name = "json", .flag = (where)                                                                                \
    }

struct cli_line {
    const char *command;
    const char *help;
    const char *operands;           /* as in the help: "WEBHOOK" */
    int operands_min, operands_max; /* max < 0: any number */
    const struct cli_option *options;
    size_t option_count;
};

/* Parses; the operands are at argv[optind] then. -1: go on; else the exit code (help was asked, or a mistake was said).
 */
int cli_parse(const struct cli_line *line, int argc, char **argv);
/* True when `value` is one of these; else the mistake is said: EXIT_USAGE. */
bool cli_one_of(const char *command, const char *option, const char *value, const char *const *words, size_t count);
enum cli_id_of { CLI_DELIVERY, CLI_RUN, CLI_EITHER };
/* An operand that is an id, as the API writes it; false: the mistake is said: EXIT_USAGE. */
bool cli_id(const char *command, enum cli_id_of of, const char *operand, char out[UUID_TEXT_SIZE]);
/* $ANZOL_STATE or ".anzol". */
const char *cli_default_state(void);

/* --- messages: "anzol COMMAND: …" on stderr; `command` NULL: "anzol: …" ---------------------------------------- */

void cli_say(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with where to read on; returns EXIT_USAGE. */
int cli_misuse(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Says the error; returns the exit code it stands for. */
int cli_fail(const char *command, const struct err *e);

#endif
