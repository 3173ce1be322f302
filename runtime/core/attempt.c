#include "core/attempt.h"

#include "core/utf8.h"

#include <string.h>
#include <strings.h>

void attempt_init(struct attempt *a, int number)
{
    *a = (struct attempt){.number = number, .retry_after_ms = -1};
    buf_init(&a->headers);
    buf_init(&a->body);
}

void attempt_fini(struct attempt *a)
{
    buf_fini(&a->headers);
    buf_fini(&a->body);
}

const char *attempt_error_name(enum attempt_error error)
{
    static const char *const names[ATTEMPT_ERROR_COUNT] = {
        [ATTEMPT_OK] = "",
        [ATTEMPT_DNS] = "dns",
        [ATTEMPT_CONNECT] = "connect",
        [ATTEMPT_TLS] = "tls",
        [ATTEMPT_TIMEOUT] = "timeout",
        [ATTEMPT_RESET] = "reset",
        [ATTEMPT_PROTOCOL] = "protocol",
        [ATTEMPT_REQUEST] = "request",
        [ATTEMPT_REDIRECT] = "redirect",
        [ATTEMPT_INTERNAL] = "internal",
        [ATTEMPT_RENDER] = "render",
        [ATTEMPT_WINDOW] = "window",
        [ATTEMPT_CRASH] = "crash",
        [ATTEMPT_RULE] = "rule",
    };
    /* Read back from the store: a newer version may have written a number this one does not know. */
    return (unsigned)error < ATTEMPT_ERROR_COUNT ? names[error] : "unknown";
}

void attempt_set_message(struct attempt *a, struct bytes text)
{
    if (text.len > sizeof a->message - 1) {
        text.len = sizeof a->message - 1;
        text.len = utf8_valid_prefix(text);
    }
    if (text.len > 0)
        memcpy(a->message, text.data, text.len);
    a->message[text.len] = '\0';
}

bool attempt_succeeded(const struct attempt *a)
{
    return a->class == ATTEMPT_ANSWERED && a->status >= 200 && a->status <= 299;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trimmed(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    while (p < end && is_blank(end[-1]))
        end--;
    return (struct bytes){p, (size_t)(end - p)};
}

struct bytes attempt_header(const struct attempt *a, const char *name)
{
    size_t name_len = strlen(name);
    struct bytes rest = buf_view(&a->headers), line;
    while (bytes_next_line(&rest, &line))
        if (line.len > name_len && line.data[name_len] == ':' && strncasecmp(line.data, name, name_len) == 0)
            return trimmed(line.data + name_len + 1, line.data + line.len);
    return (struct bytes){0};
}
