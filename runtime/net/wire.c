#include "net/wire.h"

#include "core/secrets.h"
#include "net/sign.h"

#include <string.h>
#include <strings.h>

enum {
    TEXT_KEPT = 64 << 10,   /* a buffer that grew larger for one big body is not kept for the small ones */
    TARGET_MAX = 64 << 10,  /* what is longer is for libcurl, which has a limit of its own */
    EXPECTS_FROM = 1 << 10, /* bytes of a body; at least so many it takes for libcurl to ask first */
    HEAD_KEPT = 2 << 10,
};

struct method {
    const char *name;
    size_t len;
    bool has_body; /* even when none was given (RFC 9110 section 8.6: send Content-Length: 0) */
};

static const struct method methods[] = {
    {"POST", 4, true}, {"GET", 3, false}, {"PUT", 3, true}, {"PATCH", 5, true}, {"DELETE", 6, false},
};

/* What goes into one request. */
struct fill {
    struct wire *wire;
    const struct request_view *view;
    struct request_secrets secrets;
    size_t line_count;
    size_t url_len;
    bool has_type, has_expect, has_agent, has_accept;
};

void wire_init(struct wire *w)
{
    memset(w, 0, sizeof *w);
}

void wire_wipe(struct wire *w)
{
    w->body = (struct bytes){0};
    if (w->head.len > 0)
        return;
    secrets_wipe_buf(&w->text);
    if (w->text.cap > TEXT_KEPT)
        buf_fini(&w->text);
    w->url = w->target = w->method = NULL;
    w->headers = NULL;
}

void wire_fini(struct wire *w)
{
    buf_fini(&w->head);
    wire_wipe(w);
    buf_fini(&w->text);
}

static struct bytes get_secret(void *ud, struct bytes name)
{
    static const struct bytes none = {0};
    return ud == NULL ? none : secrets_get(ud, name);
}

static int put_text(struct fill *f, const struct request_view_text *text, struct err *e)
{
    return request_fill(&f->wire->text, text, &f->secrets, e);
}

static int put(struct fill *f, const char *data, size_t len, struct err *e)
{
    return request_append(&f->wire->text, (struct bytes){data, len}, e);
}

/* --- method and URL ------------------------------------------------------------------------------------------- */

static int choose_method(struct fill *f, struct err *e)
{
    struct bytes name = f->view->method;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!bytes_equal(name, (struct bytes){methods[i].name, methods[i].len}))
            continue;
        f->wire->method = methods[i].name;
        f->wire->has_body =
            methods[i].has_body || (f->view->options.flags & REQUEST_HAS_BODY) != 0 || f->view->body.bytes.len > 0;
        return 0;
    }
    return err_set(e, ERR_INPUT, 422, "the method \"%.*s\" is not one of GET, POST, PUT, PATCH, DELETE",
                   name.len < 32 ? (int)name.len : 32, name.data);
}

static inline bool ends_host(char c)
{
    return c == '/' || c == '?' || c == '#';
}

static inline bool starts_with(struct bytes text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len > len && strncasecmp(text.data, prefix, len) == 0;
}

/*
 * libcurl guesses a scheme where there is none, takes the first of the path for a missing host and reads up to a NUL:
 * each would send something else than was shown.
 */
static int check_url(struct bytes url, struct err *e)
{
    size_t scheme = starts_with(url, "http://") ? 7 : starts_with(url, "https://") ? 8 : 0;
    if (scheme == 0)
        return err_set(e, ERR_INPUT, 422, "the URL does not begin with http:// or https://");
    if (ends_host(url.data[scheme]))
        return err_set(e, ERR_INPUT, 422, "the URL names no host");
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.data[i] <= ' ' || url.data[i] == 0x7F)
            return err_set(e, ERR_INPUT, 422, "the URL has a space or a control character in it");
    return 0;
}

static size_t first_slot(const struct request_view_text *url)
{
    const uint8_t *slot = url->slots;
    if (url->slot_count == 0)
        return SIZE_MAX;
    return (size_t)slot[0] | (size_t)slot[1] << 8 | (size_t)slot[2] << 16 | (size_t)slot[3] << 24;
}

/* A secret that is not wholly in the host is not found by the mask when libcurl names the host. */
static bool hides_host(const struct request_view_text *url)
{
    if (url->slot_count == 0)
        return false;
    size_t first = first_slot(url);
    const char *host = memmem(url->bytes.data, first < url->bytes.len ? first : url->bytes.len, "://", 3);
    for (const char *p = host == NULL ? NULL : host + 3; p != NULL && p < url->bytes.data + first; p++)
        if (ends_host(*p))
            return false;
    return true;
}

/*
 * The end of scheme, host and port, when what follows is sent as it stands; else 0: of user and password libcurl makes
 * a header, a fragment it leaves out, characters beyond ASCII it escapes in a path, and of a redirect it needs all.
 */
static size_t origin_end(const struct fill *f, struct bytes url)
{
    const char *end = url.data + url.len, *p = strchr(url.data, ':') + strlen("://");
    for (; p < end && !ends_host(*p); p++)
        if (*p == '@' || (unsigned char)*p >= 0x80)
            return 0;
    size_t len = (size_t)(p - url.data);
    bool is_private = first_slot(&f->view->url) < len, follows = f->view->options.flags & REQUEST_FOLLOW_REDIRECTS;
    if (is_private || follows || (p < end && *p != '/') || end - p > TARGET_MAX)
        return 0;
    for (; p < end; p++)
        if (*p == '#' || (unsigned char)*p >= 0x80)
            return 0;
    return len;
}

static int put_url(struct fill *f, struct err *e)
{
    struct buf *text = &f->wire->text;
    f->wire->hides_host = hides_host(&f->view->url);
    f->wire->url_is_private = f->view->url.slot_count > 0;
    if (put_text(f, &f->view->url, e) != 0 || check_url(buf_view(text), e) != 0)
        return -1;
    f->url_len = text->len;
    if (put(f, "", 1, e) != 0)
        return -1;
    f->wire->origin_len = origin_end(f, (struct bytes){text->data, f->url_len});
    return 0;
}

/* --- headers -------------------------------------------------------------------------------------------------- */

static inline bool is_named(struct bytes name, const char *want)
{
    return name.len == strlen(want) && strncasecmp(name.data, want, name.len) == 0;
}

/* RFC 9110 section 5.5. Line breaks the core refuses; a header of \v alone libcurl would silently leave out. */
static bool is_value(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

static int end_line(struct fill *f, struct err *e)
{
    f->wire->lines[f->line_count++].data = NULL; /* the next in the text */
    return put(f, "", 1, e);
}

/* libcurl only reads it. */
static void add_line(struct fill *f, const char *line)
{
    f->wire->lines[f->line_count++].data = (char *)(uintptr_t)line;
}

/* "Name: value"; libcurl wants "Name;" for a header without a value, where "Name:" would take it away. */
static int put_header(struct fill *f, size_t i, struct err *e)
{
    struct buf *text = &f->wire->text;
    struct bytes name = f->view->headers[i].name;
    if (put(f, name.data, name.len, e) != 0)
        return -1;
    size_t name_end = text->len;
    if (put(f, ": ", 2, e) != 0 || put_text(f, &f->view->headers[i].value, e) != 0)
        return -1;
    struct bytes value = {text->data + name_end + 2, text->len - name_end - 2};
    if (!is_value(value))
        return err_set(e, ERR_INPUT, 422, "the value of the header \"%.*s\" has a control character in it",
                       name.len < 64 ? (int)name.len : 64, name.data);
    if (bytes_only(value, " \t")) {
        text->len = name_end;
        if (put(f, ";", 1, e) != 0)
            return -1;
    }
    return end_line(f, e);
}

/* libcurl says how long the message is; a second opinion would let a receiver see two requests in one. */
static bool is_framing(struct bytes name)
{
    return is_named(name, "Content-Length") || is_named(name, "Transfer-Encoding");
}

static void find_ours(struct fill *f)
{
    for (size_t i = 0; i < f->view->header_count; i++) {
        struct bytes name = f->view->headers[i].name;
        f->has_type |= is_named(name, "Content-Type");
        f->has_expect |= is_named(name, "Expect");
        f->has_agent |= is_named(name, "User-Agent");
        f->has_accept |= is_named(name, "Accept");
    }
}

/* As lines of ours the first two cost libcurl less than as its own; "Name:" takes one away that it would add. */
static int put_headers(struct fill *f, struct err *e)
{
    find_ours(f);
    if (!f->has_agent)
        add_line(f, "User-Agent: anzol/" ANZOL_VERSION);
    if (!f->has_accept)
        add_line(f, "Accept: */*");
    for (size_t i = 0; i < f->view->header_count; i++)
        if (!is_framing(f->view->headers[i].name) && put_header(f, i, e) != 0)
            return -1;
    if (f->wire->has_body && !f->has_type)
        add_line(f, "Content-Type:");
    return 0;
}

/* --- the whole ------------------------------------------------------------------------------------------------ */

/* Only now does the buffer not move any more. Nothing in it has a NUL inside, the body aside, which is last. */
static void point_into_text(struct fill *f)
{
    struct wire *w = f->wire;
    char *p = w->text.data;
    w->url = p;
    w->target = f->url_len > w->origin_len ? p + w->origin_len : "/";
    p += f->url_len + 1;
    for (size_t i = 0; i < f->line_count; i++) {
        w->lines[i].next = i + 1 < f->line_count ? &w->lines[i + 1] : NULL;
        if (w->lines[i].data != NULL)
            continue;
        w->lines[i].data = p;
        p += strlen(p) + 1;
    }
    w->headers = f->line_count > 0 ? w->lines : NULL;
    if (f->view->body.slot_count > 0)
        w->body = (struct bytes){p, (size_t)(w->text.data + w->text.len - p)};
    else
        w->body = f->view->body.bytes;
}

static enum wire_body size_of(size_t body_len)
{
    return body_len == 0 ? WIRE_EMPTY : body_len < EXPECTS_FROM ? WIRE_SMALL : WIRE_LARGE;
}

/* Without the line libcurl would ask before it sends a large body. */
static int put_body(struct fill *f, struct err *e)
{
    size_t before = f->wire->text.len;
    if (f->view->body.slot_count > 0 && put_text(f, &f->view->body, e) != 0)
        return -1;
    size_t len = f->view->body.slot_count > 0 ? f->wire->text.len - before : f->view->body.bytes.len;
    if (size_of(len) == WIRE_LARGE && !f->has_expect)
        add_line(f, "Expect:");
    f->wire->body_size = size_of(len);
    return 0;
}

/* --- the same again ------------------------------------------------------------------------------------------- */

static bool is_private(const struct request_view *v)
{
    bool found = v->url.slot_count > 0 || v->body.slot_count > 0;
    for (size_t i = 0; i < v->header_count && !found; i++)
        found = v->headers[i].value.slot_count > 0;
    return found;
}

static void keep_head(struct wire *w, const struct request_view *v, struct bytes stored)
{
    if (v->head_len <= HEAD_KEPT && !is_private(v) && buf_append(&w->head, stored.data, v->head_len) != 0)
        buf_clear(&w->head);
}

/* The body of a request whose head was kept; false: it has another. */
static bool fill_same(struct wire *w, struct bytes stored)
{
    size_t len = w->head.len;
    struct request_view_text body;
    if (len == 0 || stored.len < len || memcmp(stored.data, w->head.data, len) != 0 ||
        request_body_read(&body, (struct bytes){stored.data + len, stored.len - len}, NULL) != 0 ||
        body.slot_count > 0 || size_of(body.bytes.len) != w->body_size)
        return false;
    w->body = body.bytes;
    return true;
}

static int fill(struct wire *w, struct bytes stored, const struct secrets *secrets, struct err *e)
{
    struct request_view view;
    struct fill f = {
        .wire = w,
        .view = &view,
        .secrets = {.get = get_secret, .hmac_sha256 = sign_hmac_sha256, .ud = (void *)(uintptr_t)secrets},
    };
    if (request_view_read(&view, stored, e) != 0)
        return -1;
    w->options = view.options;
    if (choose_method(&f, e) != 0 || put_url(&f, e) != 0 || put_headers(&f, e) != 0 || put_body(&f, e) != 0)
        return -1;
    point_into_text(&f);
    keep_head(w, &view, stored);
    return 0;
}

int wire_fill(struct wire *w, struct bytes stored, const struct secrets *secrets, struct err *e)
{
    w->same = fill_same(w, stored);
    if (w->same)
        return 0;
    buf_clear(&w->head);
    wire_wipe(w);
    return fill(w, stored, secrets, e);
}

void wire_make_plain(struct wire *w)
{
    char *scheme = w->text.data; /* the URL is the first text there */
    if (strncasecmp(scheme, "https://", 8) != 0)
        return;
    buf_clear(&w->head);
    memcpy(scheme + 1, "http", 4); /* over the "s" */
    w->url = scheme + 1;
    w->origin_len -= w->origin_len > 0;
}
