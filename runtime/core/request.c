#include "core/request.h"

#include <string.h>

enum { FORMAT = 1, UNPROCESSABLE = 422, SHOWN = 64 /* bytes of a name in a message */ };

static int too_long(struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, UNPROCESSABLE, "%s is too long to be stored", what);
}

static int shown_len(struct bytes s)
{
    return s.len < SHOWN ? (int)s.len : SHOWN;
}

/* RFC 9110 section 5.6.2: what a method and a header name are made of. */
static const bool token_chars[UINT8_MAX + 1] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true, ['#'] = true, ['$'] = true,
    ['%'] = true,         ['&'] = true,         ['\''] = true,        ['*'] = true, ['+'] = true, ['-'] = true,
    ['.'] = true,         ['^'] = true,         ['_'] = true,         ['`'] = true, ['|'] = true, ['~'] = true,
};

static bool is_token(struct bytes s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!token_chars[(unsigned char)s.data[i]])
            return false;
    return s.len > 0;
}

/* Names of secrets are shown in messages: nothing in them may forge a line. */
static bool is_secret_name(struct bytes s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.data[i] < 0x20 || s.data[i] == 0x7F)
            return false;
    return s.len > 0 && s.len <= UINT16_MAX;
}

static bool splits_header(struct bytes s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] == '\r' || s.data[i] == '\n' || s.data[i] == '\0')
            return true;
    return false;
}

static int done(struct buf *out, struct err *e)
{
    return buf_failed(out) ? err_memory(e) : 0;
}

static void put_policy(struct buf *out, const struct retry_policy *p)
{
    buf_put_u8(out, p->delay_count);
    for (int i = 0; i < p->delay_count; i++)
        buf_put_u32(out, p->delays_ms[i]);
    buf_put_u8(out, p->code_count);
    for (int i = 0; i < p->code_count; i++)
        buf_put_u16(out, p->codes[i]);
    buf_put_u8(out, p->on);
    buf_put_u32(out, p->within_ms);
}

int request_put_head(struct buf *out, const struct request_options *options, struct bytes method, struct err *e)
{
    if (method.len > UINT8_MAX || !is_token(method))
        return err_set(e, ERR_INPUT, UNPROCESSABLE, "the method is not an HTTP method name");
    if (options->retry.delay_count > RETRY_DELAYS_MAX || options->retry.code_count > RETRY_CODES_MAX)
        return err_set(e, ERR_INPUT, UNPROCESSABLE, "the retry policy has too many delays or codes (at most %d and %d)",
                       RETRY_DELAYS_MAX, RETRY_CODES_MAX);
    buf_put_u8(out, FORMAT);
    buf_put_u8(out, options->flags);
    buf_put_u32(out, options->timeout_ms);
    buf_put_u32(out, options->connect_ms);
    put_policy(out, &options->retry);
    buf_put_u8(out, (uint8_t)method.len);
    buf_append_bytes(out, method);
    return done(out, e);
}

/* Checks a text and counts what its head says. */
static int measure(struct request_text text, const char *what, size_t *len, size_t *slots, struct err *e)
{
    *len = *slots = 0;
    for (size_t i = 0; i < text.count; i++) {
        const struct request_piece *piece = &text.pieces[i];
        if (piece->secret.data == NULL) {
            if (piece->literal.len > UINT32_MAX - *len)
                return too_long(e, what);
            *len += piece->literal.len;
        } else {
            if (!is_secret_name(piece->secret) || (unsigned)piece->encoding > SLOT_BASE64 ||
                (unsigned)piece->form > SLOT_HMAC_BASE64)
                return err_set(e, ERR_INPUT, UNPROCESSABLE, "%s uses a secret whose name cannot be stored", what);
            if (piece->message.len > UINT32_MAX)
                return too_long(e, what);
            if (++*slots > UINT16_MAX)
                return err_set(e, ERR_INPUT, UNPROCESSABLE, "%s uses more than %d secrets", what, UINT16_MAX);
        }
    }
    return 0;
}

static void put_slots(struct buf *out, struct request_text text, bool header)
{
    size_t offset = 0;
    for (size_t i = 0; i < text.count; i++) {
        const struct request_piece *piece = &text.pieces[i];
        offset += piece->secret.data == NULL ? piece->literal.len : 0;
        if (piece->secret.data == NULL)
            continue;
        /* Every other encoding leaves no line break; raw would let a value add headers. */
        bool promote = header && piece->encoding == SLOT_RAW;
        buf_put_u32(out, (uint32_t)offset);
        unsigned encoding = promote ? SLOT_HEADER : piece->encoding;
        buf_put_u8(out, (uint8_t)(encoding | (unsigned)piece->form << 4));
        buf_put_u16(out, (uint16_t)piece->secret.len);
        buf_append_bytes(out, piece->secret);
        if (piece->form == SLOT_ITSELF)
            continue;
        buf_put_u32(out, (uint32_t)piece->message.len);
        buf_append_bytes(out, piece->message);
    }
}

static int put_text(struct buf *out, struct request_text text, const char *what, bool header, struct err *e)
{
    size_t len, slots;
    if (measure(text, what, &len, &slots, e) != 0)
        return -1;
    buf_put_u32(out, (uint32_t)len);
    buf_put_u16(out, (uint16_t)slots);
    put_slots(out, text, header);
    for (size_t i = 0; i < text.count; i++)
        if (text.pieces[i].secret.data == NULL)
            buf_append_bytes(out, text.pieces[i].literal);
    return done(out, e);
}

int request_put_url(struct buf *out, struct request_text url, struct err *e)
{
    return put_text(out, url, "the URL", false, e);
}

int request_put_header_count(struct buf *out, size_t count, struct err *e)
{
    if (count > REQUEST_HEADERS_MAX)
        return err_set(e, ERR_INPUT, UNPROCESSABLE, "the request has %zu headers, at most %d are possible", count,
                       REQUEST_HEADERS_MAX);
    buf_put_u16(out, (uint16_t)count);
    return done(out, e);
}

int request_put_header(struct buf *out, struct bytes name, struct request_text value, struct err *e)
{
    if (name.len > UINT16_MAX || !is_token(name))
        return err_set(e, ERR_INPUT, UNPROCESSABLE,
                       "a header's name is empty, too long or has a character it cannot have");
    for (size_t i = 0; i < value.count; i++)
        if (value.pieces[i].secret.data == NULL && splits_header(value.pieces[i].literal))
            return err_set(e, ERR_INPUT, UNPROCESSABLE,
                           "the value of the header '%.*s' has a line break or a NUL in it", shown_len(name),
                           name.data);
    buf_put_u16(out, (uint16_t)name.len);
    buf_append_bytes(out, name);
    return put_text(out, value, "a header's value", true, e);
}

int request_put_body(struct buf *out, struct request_text body, struct err *e)
{
    return put_text(out, body, "the body", false, e);
}

/* What is left to read; a read beyond the end gives zeros and sets `bad`. */
struct reader {
    const uint8_t *p;
    size_t left;
    bool bad;
};

static inline const uint8_t *get(struct reader *r, size_t len)
{
    if (len > r->left)
        r->bad = true;
    if (r->bad)
        return NULL;
    const uint8_t *p = r->p;
    r->p += len;
    r->left -= len;
    return p;
}

static inline uint8_t get_u8(struct reader *r)
{
    const uint8_t *p = get(r, 1);
    return p == NULL ? 0 : p[0];
}

static inline uint16_t get_u16(struct reader *r)
{
    const uint8_t *p = get(r, 2);
    return p == NULL ? 0 : (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_u32(struct reader *r)
{
    const uint8_t *p = get(r, 4);
    return p == NULL ? 0 : (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static struct bytes get_bytes(struct reader *r, size_t len)
{
    const uint8_t *p = get(r, len);
    return (struct bytes){(const char *)p, p == NULL ? 0 : len};
}

static void get_policy(struct reader *r, struct retry_policy *p)
{
    p->delay_count = get_u8(r);
    r->bad = r->bad || p->delay_count > RETRY_DELAYS_MAX;
    for (int i = 0; !r->bad && i < p->delay_count; i++)
        p->delays_ms[i] = get_u32(r);
    p->code_count = get_u8(r);
    r->bad = r->bad || p->code_count > RETRY_CODES_MAX;
    for (int i = 0; !r->bad && i < p->code_count; i++)
        p->codes[i] = get_u16(r);
    p->on = get_u8(r);
    p->within_ms = get_u32(r);
}

static void get_options(struct reader *r, struct request_options *o)
{
    *o = (struct request_options){0};
    r->bad = r->bad || get_u8(r) != FORMAT;
    o->flags = get_u8(r);
    o->timeout_ms = get_u32(r);
    o->connect_ms = get_u32(r);
    get_policy(r, &o->retry);
}

static struct request_view_text get_text(struct reader *r)
{
    struct request_view_text text = {0};
    uint32_t len = get_u32(r), previous = 0;
    text.slot_count = get_u16(r);
    text.slots = r->p;
    for (int i = 0; !r->bad && i < text.slot_count; i++) {
        uint32_t offset = get_u32(r);
        uint32_t encoding = get_u8(r);
        struct bytes name = get_bytes(r, get_u16(r));
        uint32_t form = encoding >> 4;
        encoding &= 15;
        r->bad = r->bad || offset < previous || offset > len || encoding > SLOT_BASE64 || form > SLOT_HMAC_BASE64 ||
                 !is_secret_name(name);
        if (!r->bad && form != SLOT_ITSELF)
            get_bytes(r, get_u32(r));
        previous = offset;
    }
    text.bytes = get_bytes(r, len);
    return text;
}

static void get_headers(struct reader *r, struct request_view *v)
{
    v->header_count = get_u16(r);
    r->bad = r->bad || v->header_count > REQUEST_HEADERS_MAX;
    for (int i = 0; !r->bad && i < v->header_count; i++) {
        v->headers[i].name = get_bytes(r, get_u16(r));
        v->headers[i].value = get_text(r);
        r->bad = r->bad || !is_token(v->headers[i].name) || splits_header(v->headers[i].value.bytes);
    }
}

static struct reader reader_of(struct bytes stored)
{
    return (struct reader){.p = (const uint8_t *)stored.data, .left = stored.len};
}

static int damaged(struct err *e)
{
    return err_set(e, ERR_STORE, 0, "a stored request is damaged, or was written by a newer version");
}

uint8_t request_flags(struct bytes stored)
{
    struct reader r = reader_of(stored);
    uint8_t format = get_u8(&r), flags = get_u8(&r);
    return format == FORMAT ? flags : 0;
}

int request_options_read(struct request_options *o, struct bytes stored, struct err *e)
{
    struct reader r = reader_of(stored);
    get_options(&r, o);
    return r.bad ? damaged(e) : 0;
}

int request_view_read(struct request_view *v, struct bytes stored, struct err *e)
{
    struct reader r = reader_of(stored);
    get_options(&r, &v->options);
    v->method = get_bytes(&r, get_u8(&r));
    r.bad = r.bad || !is_token(v->method);
    v->url = get_text(&r);
    get_headers(&r, v);
    v->head_len = stored.len - r.left;
    v->body = get_text(&r);
    return r.bad || r.left != 0 ? damaged(e) : 0;
}

int request_body_read(struct request_view_text *body, struct bytes behind_head, struct err *e)
{
    struct reader r = reader_of(behind_head);
    *body = get_text(&r);
    return r.bad || r.left != 0 ? damaged(e) : 0;
}
