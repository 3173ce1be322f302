/* request_fill: the texts of a stored request with their slots filled, for the wire or for people. */
#include "core/base64.h"
#include "core/json_write.h"
#include "core/request.h"
#include "core/secrets.h"
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

static const size_t EXPANSION_MAX = 6; /* the worst encoding: JSON and XML write one byte as six characters */

struct slot {
    size_t offset;
    enum slot_encoding encoding;
    enum slot_form form;
    struct bytes name, message;
};

static size_t four_bytes(const uint8_t *p)
{
    return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

/* request_view_read() has checked every length. */
static const uint8_t *next_slot(const uint8_t *p, struct slot *slot)
{
    size_t name_len = (size_t)p[5] | (size_t)p[6] << 8;
    slot->offset = four_bytes(p);
    slot->encoding = (enum slot_encoding)(p[4] & 15);
    slot->form = (enum slot_form)(p[4] >> 4);
    slot->name = (struct bytes){(const char *)p + 7, name_len};
    slot->message = (struct bytes){NULL, 0};
    p += 7 + name_len;
    if (slot->form == SLOT_ITSELF)
        return p;
    slot->message = (struct bytes){(const char *)p + 4, four_bytes(p)};
    return p + 4 + slot->message.len;
}

int request_percent_encode(struct buf *out, struct bytes value)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        char encoded[3] = {'%', digits[c >> 4], digits[c & 15]};
        bool kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                    c == '.' || c == '_' || c == '~';
        if (kept)
            buf_append_char(out, (char)c);
        else
            buf_append(out, encoded, sizeof encoded);
    }
    return buf_failed(out) ? -1 : 0;
}

static const char *xml_entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\t': /* attribute values would read these three back as spaces */
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

static bool is_xml_text(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c < 0x20 && xml_entity((char)c) == NULL)
            return false;
    }
    return utf8_valid_prefix(value) == value.len;
}

static void xml_escape(struct buf *out, struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        const char *entity = xml_entity(value.data[i]);
        if (entity != NULL)
            buf_append_str(out, entity);
        else
            buf_append_char(out, value.data[i]);
    }
}

static bool is_header_text(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] == '\r' || value.data[i] == '\n' || value.data[i] == '\0')
            return false;
    return true;
}

/* What the place wants and the value is not; NULL: it fits. */
static const char *misfit(enum slot_encoding encoding, struct bytes value)
{
    if (encoding == SLOT_HEADER && !is_header_text(value))
        return "has a line break or a NUL in it, which a header cannot hold";
    if (encoding == SLOT_JSON && utf8_valid_prefix(value) != value.len)
        return "is not UTF-8, which JSON must be";
    if (encoding == SLOT_XML && !is_xml_text(value))
        return "has characters in it that XML cannot hold";
    return NULL;
}

/* realloc() would leave a copy of what is already filled in freed memory. */
static int grow(struct buf *out, size_t extra)
{
    if (buf_failed(out))
        return -1;
    struct buf bigger;
    buf_init(&bigger);
    if (extra > SIZE_MAX - out->len || buf_reserve(&bigger, out->len + extra) != 0) {
        buf_fini(&bigger);
        out->failed = true;
        return -1;
    }
    buf_append(&bigger, out->data, out->len);
    secrets_wipe_buf(out);
    buf_fini(out);
    *out = bigger;
    return 0;
}

static inline int reserve_wiping(struct buf *out, size_t extra)
{
    return !out->failed && extra <= out->cap - out->len ? 0 : grow(out, extra);
}

static void append_base64(struct buf *out, struct bytes value)
{
    if (buf_reserve(out, base64_size(value.len)) == 0)
        out->len += base64_encode(out->data + out->len, value, 0, BASE64_STANDARD);
}

static void append_encoded(struct buf *out, enum slot_encoding encoding, struct bytes value)
{
    switch (encoding) {
    case SLOT_RAW:
    case SLOT_HEADER:
        buf_append_bytes(out, value);
        break;
    case SLOT_URL:
        request_percent_encode(out, value);
        break;
    case SLOT_JSON:
        json_escape(out, value);
        break;
    case SLOT_XML:
        xml_escape(out, value);
        break;
    case SLOT_BASE64:
        append_base64(out, value);
        break;
    }
}

enum { MAC_BYTES = 32, MAC_TEXT = 2 * MAC_BYTES };

/* The signature of the slot's message in its form. */
static size_t sign(const struct slot *slot, const uint8_t *mac, char text[MAC_TEXT])
{
    const char *digits = slot->form == SLOT_HMAC_HEX ? "0123456789abcdef" : "0123456789ABCDEF";
    if (slot->form == SLOT_HMAC_BASE64)
        return base64_encode(text, (struct bytes){(const char *)mac, MAC_BYTES}, 0, BASE64_STANDARD);
    for (size_t i = 0; i < MAC_BYTES; i++) {
        text[2 * i] = digits[mac[i] >> 4];
        text[2 * i + 1] = digits[mac[i] & 15];
    }
    return MAC_TEXT;
}

static int fill_signature(struct buf *out, const struct slot *slot, const struct request_secrets *secrets,
                          struct bytes key, struct err *e)
{
    uint8_t mac[MAC_BYTES];
    char text[MAC_TEXT];
    if (secrets->hmac_sha256 == NULL || secrets->hmac_sha256(key, slot->message, mac) != 0)
        return err_set(e, ERR_INPUT, 422, "a signature cannot be made");
    if (reserve_wiping(out, sizeof text * EXPANSION_MAX) != 0)
        return err_memory(e);
    append_encoded(out, slot->encoding, (struct bytes){text, sign(slot, mac, text)});
    return buf_failed(out) ? err_memory(e) : 0;
}

static int fill_slot(struct buf *out, const struct slot *slot, const struct request_secrets *secrets, struct err *e)
{
    int shown = slot->name.len < 128 ? (int)slot->name.len : 128;
    struct bytes value = secrets->get(secrets->ud, slot->name);
    if (value.data == NULL)
        return err_set(e, ERR_INPUT, 422, "the secret \"%.*s\" is not set", shown, slot->name.data);
    if (slot->form != SLOT_ITSELF)
        return fill_signature(out, slot, secrets, value, e);
    const char *why = misfit(slot->encoding, value);
    if (why != NULL)
        return err_set(e, ERR_INPUT, 422, "the value of the secret \"%.*s\" %s", shown, slot->name.data, why);
    /* Room for all of it first, so that no encoder moves the buffer. */
    if (value.len > SIZE_MAX / EXPANSION_MAX - 4 || reserve_wiping(out, value.len * EXPANSION_MAX + 4) != 0)
        return err_memory(e);
    append_encoded(out, slot->encoding, value);
    return buf_failed(out) ? err_memory(e) : 0;
}

int request_append(struct buf *out, struct bytes literal, struct err *e)
{
    if (literal.len == 0)
        return 0;
    if (reserve_wiping(out, literal.len) != 0)
        return err_memory(e);
    buf_append_bytes(out, literal);
    return 0;
}

static int append_part(struct buf *out, struct bytes text, size_t from, size_t to, struct err *e)
{
    return request_append(out, (struct bytes){text.data + from, to - from}, e);
}

int request_fill(struct buf *out, const struct request_view_text *text, const struct request_secrets *secrets,
                 struct err *e)
{
    const uint8_t *p = text->slots;
    size_t from = 0;
    if (text->slot_count == 0)
        return request_append(out, text->bytes, e);
    if (reserve_wiping(out, text->bytes.len) != 0)
        return err_memory(e);
    for (int i = 0; i < text->slot_count; i++) {
        struct slot slot;
        p = next_slot(p, &slot);
        if (append_part(out, text->bytes, from, slot.offset, e) != 0 || fill_slot(out, &slot, secrets, e) != 0)
            return -1;
        from = slot.offset;
    }
    return append_part(out, text->bytes, from, text->bytes.len, e);
}

int request_masked(struct buf *out, const struct request_view_text *text)
{
    const uint8_t *p = text->slots;
    size_t from = 0;
    for (int i = 0; i < text->slot_count; i++) {
        struct slot slot;
        p = next_slot(p, &slot);
        buf_append(out, text->bytes.data + from, slot.offset - from);
        buf_append(out, "***", 3);
        from = slot.offset;
    }
    if (from < text->bytes.len)
        buf_append(out, text->bytes.data + from, text->bytes.len - from);
    return buf_failed(out) ? -1 : 0;
}
