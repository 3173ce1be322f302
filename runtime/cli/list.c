#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/render.h"

#include <jansson.h>
#include <string.h>

static const char help[] = "anzol list                                integrations, each with its webhooks; flows\n"
                           "anzol list --json | jq -r '.webhooks[].name'\n"
                           "\n"
                           "What the daemon's scripts define.\n"
                           "\n"
                           "  -s, --state DIR         the daemon's folder (default .anzol, or $ANZOL_STATE)\n"
                           "      --json              {\"integrations\":[…],\"webhooks\":[…],\"flows\":[…]}\n"
                           "  -h, --help\n";

enum { INTEGRATIONS, WEBHOOKS, FLOWS, PARTS };
static const char *const part_names[PARTS] = {"integrations", "webhooks", "flows"};

struct part {
    struct client_answer answer;
    json_t *root;
};

static int fetch(const char *state, const char *name, struct part *p)
{
    char path[32];
    struct ask q = {.command = "list", .state = state, .method = "GET"};
    snprintf(path, sizeof path, "/v1/%s", name);
    return ask_json(&q, path, &p->answer, &p->root);
}

static void release(struct part *p)
{
    json_decref(p->root);
    buf_fini(&p->answer.body);
}

/* --- JSON: the objects as one, as they came -------------------------------------------------------------------- */

static struct bytes inside(const struct client_answer *a)
{
    const char *first = memchr(a->body.data, '{', a->body.len), *last = memrchr(a->body.data, '}', a->body.len);
    if (first == NULL || last == NULL)
        return (struct bytes){"", 0};
    return (struct bytes){first + 1, (size_t)(last - first - 1)};
}

static void print_json(const struct part *parts)
{
    for (int i = 0; i < PARTS; i++) {
        struct bytes one = inside(&parts[i].answer);
        putchar(i == 0 ? '{' : ',');
        fwrite(one.data, 1, one.len, stdout);
    }
    puts("}");
}

/* --- words ----------------------------------------------------------------------------------------------------- */

static void print_number(const struct render *r, const json_t *n)
{
    render_text(r, STYLE_PLAIN, "%.15g", json_number_value(n));
}

static void print_rate(const struct render *r, const json_t *integration)
{
    const json_t *rate = json_object_get(integration, "rate");
    const char *per = ask_text(integration, "per");
    if (json_is_number(rate)) {
        fputs(", ", r->out);
        print_number(r, rate);
        render_text(r, STYLE_PLAIN, " per %s", per[0] != '\0' ? per : "1s");
    }
    if (json_is_number(json_object_get(integration, "concurrency"))) {
        fputs(", ", r->out);
        print_number(r, json_object_get(integration, "concurrency"));
        fputs(" at a time", r->out);
    }
}

static void print_note(const struct render *r, const char *indent, const json_t *of)
{
    const char *name = ask_text(of, "display_name"), *text = ask_text(of, "description");
    if (name[0] != '\0' || text[0] != '\0')
        render_text(r, STYLE_PLAIN, "%s%s%s%s\n", indent, name, name[0] != '\0' && text[0] != '\0' ? ": " : "", text);
}

/* What a webhook inherits is said at its integration. */
static void print_headers(const struct render *r, const char *indent, const json_t *headers)
{
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const json_t *h = json_array_get(headers, i);
        if (strcmp(ask_text(h, "from"), "integration") == 0)
            continue;
        render_text(r, STYLE_DIM, "%s%s: %s\n", indent, ask_text(h, "name"), ask_text(h, "value"));
    }
}

static void print_deselected(const struct render *r, const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        render_text(r, STYLE_DIM, "    without %s\n", ask_text_of(json_array_get(names, i)));
}

static void print_retry(const struct render *r, const json_t *webhook)
{
    const json_t *retry = json_object_get(webhook, "retry"), *delays = json_object_get(retry, "delays");
    if (json_is_false(json_object_get(webhook, "idempotent"))) {
        render_text(r, STYLE_DIM, "    retried only when it never left: no transactional id\n");
        return;
    }
    if (!json_is_object(retry))
        return;
    bool depends = !json_is_true(json_object_get(webhook, "idempotent"));
    render_text(r, STYLE_DIM, "    %sretried after", depends ? "when the body has the transactional id, " : "");
    for (size_t i = 0; i < json_array_size(delays); i++)
        render_text(r, STYLE_DIM, "%s%s", i == 0 ? " " : ", ", ask_text_of(json_array_get(delays, i)));
    render_text(r, STYLE_DIM, " within %s\n", ask_text(retry, "within"));
}

static void print_status(const struct render *r, const json_t *status)
{
    if (json_is_integer(status))
        render_text(r, STYLE_DIM, "%" JSON_INTEGER_FORMAT, json_integer_value(status));
    else
        render_text(r, STYLE_DIM, "%s", ask_text_of(status));
}

/* The rule for answers, where it is not the default. */
static void print_rule(const struct render *r, const json_t *webhook)
{
    const json_t *success = json_object_get(webhook, "success");
    bool said = json_is_string(success) || json_is_array(success);
    bool decides = json_is_true(json_object_get(webhook, "on_response"));
    if (json_is_string(success))
        render_text(r, STYLE_DIM, "    a success is what a function says");
    for (size_t i = 0; i < json_array_size(success); i++) {
        render_text(r, STYLE_DIM, "%s", i == 0 ? "    a success is " : ", ");
        print_status(r, json_array_get(success, i));
    }
    if (decides)
        render_text(r, STYLE_DIM, "%son_response may decide", said ? "; " : "    ");
    if (decides || said)
        fputc('\n', r->out);
}

static void print_webhook(const struct render *r, const json_t *w)
{
    fputs("\n  ", r->out);
    render_text(r, STYLE_NAME, "%s", ask_text(w, "name"));
    if (ask_text(w, "on")[0] != '\0')
        render_text(r, STYLE_PLAIN, "  on %s", ask_text(w, "on"));
    render_text(r, STYLE_DIM, "  %s\n", ask_text(w, "where"));
    print_note(r, "    ", w);
    render_text(r, STYLE_PLAIN, "    %s %s\n", ask_text(w, "method"), ask_text(w, "url"));
    print_headers(r, "    ", json_object_get(w, "headers"));
    print_deselected(r, json_object_get(w, "deselected"));
    print_retry(r, w);
    print_rule(r, w);
}

static void print_integration(const struct render *r, const json_t *integration, const json_t *webhooks)
{
    const char *name = ask_text(integration, "name");
    render_text(r, STYLE_BOLD, "%s", name);
    render_text(r, STYLE_DIM, "  %s\n", ask_text(integration, "where"));
    print_note(r, "  ", integration);
    render_text(r, STYLE_PLAIN, "  %s", ask_text(integration, "url"));
    print_rate(r, integration);
    fputc('\n', r->out);
    print_headers(r, "  ", json_object_get(integration, "headers"));
    for (size_t i = 0; i < json_array_size(webhooks); i++) {
        const json_t *w = json_array_get(webhooks, i);
        if (strcmp(ask_text(w, "integration"), name) == 0)
            print_webhook(r, w);
    }
}

static void print_flow(const struct render *r, const json_t *f)
{
    const char *key = ask_text(f, "key");
    fputs("  ", r->out);
    render_text(r, STYLE_NAME, "%s", ask_text(f, "name"));
    if (ask_text(f, "on")[0] != '\0')
        render_text(r, STYLE_PLAIN, "  on %s", ask_text(f, "on"));
    if (key[0] != '\0')
        render_text(r, STYLE_PLAIN, ", one at a time of each key %s", strcmp(key, "function") == 0 ? "" : key);
    render_text(r, STYLE_DIM, "  %s\n", ask_text(f, "where"));
    print_note(r, "    ", f);
}

static void print_flows(const struct render *r, const json_t *flows, bool first)
{
    if (json_array_size(flows) > 0)
        render_text(r, STYLE_BOLD, "%sflows\n", first ? "" : "\n");
    for (size_t i = 0; i < json_array_size(flows); i++)
        print_flow(r, json_array_get(flows, i));
}

static void print(const struct part *parts)
{
    struct render r;
    const json_t *lists[PARTS];
    for (int i = 0; i < PARTS; i++)
        lists[i] = json_object_get(parts[i].root, part_names[i]);
    render_init(&r, stdout);
    for (size_t i = 0; i < json_array_size(lists[INTEGRATIONS]); i++) {
        if (i > 0)
            putchar('\n');
        print_integration(&r, json_array_get(lists[INTEGRATIONS], i), lists[WEBHOOKS]);
    }
    print_flows(&r, lists[FLOWS], json_array_size(lists[INTEGRATIONS]) == 0);
}

static int list(const char *state, bool json)
{
    struct part parts[PARTS];
    int code = EXIT_OK, n = 0;
    while (n < PARTS && (code = fetch(state, part_names[n], &parts[n])) == EXIT_OK)
        n++;
    if (code == EXIT_OK && json)
        print_json(parts);
    else if (code == EXIT_OK)
        print(parts);
    while (n > 0)
        release(&parts[--n]);
    return code;
}

int command_list(int argc, char **argv)
{
    const char *state = cli_default_state();
    bool json = false;
    const struct cli_option options[] = {CLI_STATE(&state), CLI_JSON(&json)};
    const struct cli_line line = {
        .command = "list",
        .help = help,
        .operands = "",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int code = cli_parse(&line, argc, argv);
    return code >= 0 ? code : list(state, json);
}
