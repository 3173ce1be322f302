#include "cli/cli.h"

#include "cli/render.h"
#include "core/nearest.h"
#include "core/units.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 24, FIRST_OPTION = 256, OPTION_HELP = 255 };

const char *cli_default_state(void)
{
    const char *state = getenv("ANZOL_STATE");
    return state != NULL && state[0] != '\0' ? state : ".anzol";
}

/* --- messages -------------------------------------------------------------------------------------------------- */

/* The message may quote what a server or a file said. */
static void say(const char *command, const char *format, va_list args)
{
    struct render r;
    struct buf text;
    buf_init(&text);
    buf_vprintf(&text, format, args);
    fflush(stdout); /* on a terminal, what was printed before stands before */
    render_init(&r, stderr);
    fprintf(stderr, "anzol%s%s: ", command != NULL ? " " : "", command != NULL ? command : "");
    if (buf_failed(&text))
        fputs("out of memory", stderr);
    else
        render_safe(&r, buf_view(&text));
    fputc('\n', stderr);
    buf_fini(&text);
}

void cli_say(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(command, format, args);
    va_end(args);
}

int cli_misuse(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(command, format, args);
    va_end(args);
    fprintf(stderr, "see: anzol%s%s --help\n", command != NULL ? " " : "", command != NULL ? command : "");
    return EXIT_USAGE;
}

int cli_fail(const char *command, const struct err *e)
{
    cli_say(command, "%s", e->message);
    switch (e->domain) {
    case ERR_NET:
        return EXIT_UNREACHABLE;
    case ERR_USAGE:
        return EXIT_USAGE;
    case ERR_SCRIPT:
        return EXIT_SCRIPTS;
    default:
        return EXIT_FAILED;
    }
}

bool cli_one_of(const char *command, const char *option, const char *value, const char *const *words, size_t count)
{
    struct buf list;
    for (size_t i = 0; i < count; i++)
        if (strcmp(value, words[i]) == 0)
            return true;
    buf_init(&list);
    for (size_t i = 0; i < count; i++)
        buf_printf(&list, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", words[i]);
    const char *text = buf_cstr(&list);
    cli_misuse(command, "--%s: found '%s'; expected %s", option, value, text != NULL ? text : "another");
    buf_fini(&list);
    return false;
}

bool cli_id(const char *command, enum cli_id_of of, const char *operand, char out[UUID_TEXT_SIZE])
{
    static const char *const words[][2] = {
        [CLI_DELIVERY] = {"a delivery", "anzol deliveries"},
        [CLI_RUN] = {"a run", "anzol runs"},
        [CLI_EITHER] = {"a delivery or a run", "anzol deliveries, anzol runs"},
    };
    struct uuid id;
    if (uuid_parse(bytes_of(operand), &id) != 0) {
        cli_misuse(command, "'%s' is not the id of %s; they are listed by: %s", operand, words[of][0], words[of][1]);
        return false;
    }
    uuid_format(&id, out);
    return true;
}

/* --- options --------------------------------------------------------------------------------------------------- */

static int wrong(const struct cli_line *l, const struct cli_option *o, const char *found, const char *expected)
{
    return cli_misuse(l->command, "--%s: found '%s'; expected %s", o->name, found, expected);
}

static int take_number(const struct cli_line *l, const struct cli_option *o, const char *value)
{
    char *end, expected[64] = "a number from 1";
    long n = strtol(value, &end, 10);
    if (o->most > 0)
        snprintf(expected, sizeof expected, "a number from 1 to %lld", (long long)o->most);
    if (end == value || *end != '\0' || n < 1 || n > (o->most > 0 ? o->most : 1000000000))
        return wrong(l, o, value, expected);
    *o->number = (int)n;
    return -1;
}

static int take_duration(const struct cli_line *l, const struct cli_option *o, const char *value)
{
    char most[32], expected[96];
    if (units_parse_duration(bytes_of(value), o->ms) != 0)
        return wrong(l, o, value, "a duration such as 500ms, 2s or 5m");
    if (o->most == 0 || *o->ms <= o->most)
        return -1;
    units_format_duration(o->most, most);
    snprintf(expected, sizeof expected, "a duration of at most %s", most);
    return wrong(l, o, value, expected);
}

static int take_time(const struct cli_line *l, const struct cli_option *o, const char *value)
{
    int64_t ms;
    if (units_parse_duration(bytes_of(value), &ms) != 0 && units_parse_time(bytes_of(value), 0, &ms) != 0)
        return wrong(l, o, value, "a time such as 2026-11-23T10:00:00Z, 2026-11-23, or 1h (ago)");
    *o->time = value;
    return -1;
}

static int take_text(const struct cli_line *l, const struct cli_option *o, const char *value)
{
    if (o->texts->count == CLI_TEXTS_MAX)
        return cli_misuse(l->command, "--%s is given more than %d times", o->name, CLI_TEXTS_MAX);
    o->texts->items[o->texts->count++] = value;
    return -1;
}

static int take(const struct cli_line *l, const struct cli_option *o, const char *value)
{
    if (o->flag != NULL)
        *o->flag = true;
    else if (o->text != NULL)
        *o->text = value;
    else if (o->texts != NULL)
        return take_text(l, o, value);
    else if (o->number != NULL)
        return take_number(l, o, value);
    else if (o->time != NULL)
        return take_time(l, o, value);
    else
        return take_duration(l, o, value);
    return -1;
}

static const char *nearest_option(const struct cli_line *l, const char *typed)
{
    const char *names[OPTIONS_MAX];
    for (size_t i = 0; i < l->option_count; i++)
        names[i] = l->options[i].name;
    return nearest(typed, names, l->option_count);
}

static const struct cli_option *option_of(const struct cli_line *l, int value)
{
    for (size_t i = 0; i < l->option_count; i++)
        if (value == FIRST_OPTION + (int)i || (value != 0 && value == l->options[i].letter))
            return &l->options[i];
    return NULL;
}

/* getopt_long() met what it does not know. */
static int refuse(const struct cli_line *l, int argc, char **argv)
{
    const struct cli_option *known = option_of(l, optopt);
    if (known != NULL || optopt == OPTION_HELP)
        return cli_misuse(l->command, "--%s takes no value", known != NULL ? known->name : "help");
    if (optopt != 0)
        return cli_misuse(l->command, "unknown option '-%c'", optopt);
    const char *typed = optind > 0 && optind <= argc ? argv[optind - 1] : "";
    const char *near = nearest_option(l, typed + strspn(typed, "-"));
    if (near != NULL)
        return cli_misuse(l->command, "unknown option '%s'; did you mean '--%s'?", typed, near);
    return cli_misuse(l->command, "unknown option '%s'", typed);
}

static int parse_one(const struct cli_line *l, int found, int argc, char **argv)
{
    if (found == 'h' || found == OPTION_HELP) {
        fputs(l->help, stdout);
        return EXIT_OK;
    }
    if (found == '?')
        return refuse(l, argc, argv);
    const struct cli_option *o = option_of(l, found == ':' ? optopt : found);
    if (o == NULL)
        return cli_misuse(l->command, "unknown option");
    if (found == ':')
        return cli_misuse(l->command, "--%s needs a value", o->name);
    return take(l, o, optarg);
}

static int check_operands(const struct cli_line *l, int argc, char **argv)
{
    int given = argc - optind;
    if (given < l->operands_min)
        return cli_misuse(l->command, "%s is missing; expected: anzol %s %s", l->operands, l->command, l->operands);
    if (l->operands_max >= 0 && given > l->operands_max)
        return cli_misuse(l->command, "unexpected argument '%s'", argv[optind + l->operands_max]);
    return -1;
}

int cli_parse(const struct cli_line *l, int argc, char **argv)
{
    struct option long_options[OPTIONS_MAX + 2] = {{0}};
    char letters[2 * OPTIONS_MAX + 4] = ":h";
    size_t n = strlen(letters);
    for (size_t i = 0; i < l->option_count && i < OPTIONS_MAX; i++) {
        const struct cli_option *o = &l->options[i];
        int has_value = o->flag != NULL ? no_argument : required_argument;
        long_options[i] = (struct option){o->name, has_value, NULL, FIRST_OPTION + (int)i};
        if (o->letter == 0)
            continue;
        letters[n++] = o->letter;
        if (o->flag == NULL)
            letters[n++] = ':';
    }
    long_options[l->option_count] = (struct option){"help", no_argument, NULL, OPTION_HELP};
    opterr = 0;
    for (int found; (found = getopt_long(argc, argv, letters, long_options, NULL)) != -1;) {
        int code = parse_one(l, found, argc, argv);
        if (code >= 0)
            return code;
    }
    return check_operands(l, argc, argv);
}
