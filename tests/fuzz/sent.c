#include "sent.h"

/* Where `part` is next from `p` on, or NULL. */
static const char *next(const char *p, const char *end, struct bytes part)
{
    return p >= end ? NULL : memmem(p, (size_t)(end - p), part.data, part.len);
}

static bool is_one_of(char c, const char *set)
{
    return memchr(set, c, strlen(set)) != NULL;
}

size_t sent_count(struct bytes sent, const char *what)
{
    size_t n = 0;
    struct bytes part = bytes_of(what);
    const char *end = sent.data + sent.len;
    for (const char *p = sent.data; (p = next(p, end, part)) != NULL; p += part.len)
        n++;
    return n;
}

size_t sent_count_ends(struct bytes sent, const char *what)
{
    size_t n = 0;
    struct bytes part = bytes_of(what);
    const char *end = sent.data + sent.len;
    for (const char *p = sent.data; (p = next(p, end, part)) != NULL;) {
        p += part.len;
        n += p == end || *p == '\0' || is_one_of(*p, " \t\r\n");
    }
    return n;
}

bool sent_has(struct bytes sent, struct bytes part)
{
    return part.len == 0 || next(sent.data, sent.data + sent.len, part) != NULL;
}

bool sent_has_within(struct bytes sent, struct bytes part)
{
    size_t at = 0;
    for (size_t i = 0; i < sent.len && at < part.len; i++)
        at += sent.data[i] == part.data[at];
    return at == part.len;
}

enum sent_line sent_has_line(struct bytes sent, struct bytes line)
{
    enum sent_line found = SENT_NOT;
    const char *end = sent.data + sent.len;
    for (const char *p = sent.data; (p = next(p, end, line)) != NULL; p++) {
        if (p == sent.data || !is_one_of(p[-1], "\r\n"))
            continue;
        const char *behind = p + line.len;
        if (behind < end && is_one_of(*behind, "\r\n"))
            return SENT_LINE;
        found = SENT_BEGINNING;
    }
    return found;
}

/* A plus is a blank in a parameter and a plus in a path: here it is a blank in both. */
static void append_plain(struct buf *out, struct bytes text, bool escaped)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *p = text.data + i;
        bool is = escaped && *p == '%' && text.len - i > 2 && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0 &&
                  memcmp(p, "%00", 3) != 0;
        char c = is ? (char)(hex_digit(p[1]) * 16 + hex_digit(p[2])) : *p;
        buf_append_char(out, c == '+' ? ' ' : c);
        i += is ? 2 : 0;
    }
}

bool sent_has_name(struct bytes sent, const char *name)
{
    static struct buf plain, wanted;
    buf_clear(&wanted);
    append_plain(&wanted, bytes_of(name), false);
    buf_clear(&plain);
    append_plain(&plain, sent, true);
    buf_append_char(&plain, ' ');
    const char *p = plain.data, *end = p + plain.len;
    bool found = wanted.len == 0;
    for (; !found && (p = next(p, end, buf_view(&wanted))) != NULL; p++)
        found = p > plain.data && is_one_of(p[-1], "/=") && p + wanted.len < end &&
                (p[wanted.len] == '\0' || is_one_of(p[wanted.len], " /?&\r\n"));
    return found;
}
