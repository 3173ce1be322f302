/* request_fill: the texts of a stored request with their slots filled, for the wire or for people. */
#include "core/base64.h"
#include "core/json_write.h"
#include "core/request.h"
#include "core/secrets.h"

#include <stdlib.h>
#include <string.h>

static const size_t EXPANSION_MAX = 6; /* the worst encoding: JSON and XML write one byte as six characters */

struct slot {
    size_t offset;
    enum slot_encoding encoding;
    struct bytes name;
};

/* request_view_read() has checked every length. */
static const uint8_t *next_slot(const uint8_t *p, struct slot *slot)
{
    size_t name_len = (size_t)p[5] | (size_t)p[6] << 8;
    slot->offset = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    slot->encoding = (enum slot_encoding)p[4];
    slot->name = (struct bytes){(const char *)p + 7, name_len};
    return p + 7 + name_len;
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
static int reserve_wiping(struct buf *out, size_t extra)
{
    if (buf_failed(out))
        return -1;
    if (extra <= out->cap - out->len)
        return 0;
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

static int fill_slot(struct buf *out, const struct slot *slot, const struct request_secrets *secrets, struct err *e)
{
    int shown = slot->name.len < 128 ? (int)slot->name.len : 128;
    struct bytes value = secrets->get(secrets->ud, slot->name);
    if (value.data == NULL)
        return err_set(e, ERR_INPUT, 422, "the secret \"%.*s\" is not set", shown, slot->name.data);
    const char *why = misfit(slot->encoding, value);
    if (why != NULL)
        return err_set(e, ERR_INPUT, 422, "the value of the secret \"%.*s\" %s", shown, slot->name.data, why);
    /* Room for all of it first, so that no encoder moves the buffer. */
    if (value.len > SIZE_MAX / EXPANSION_MAX - 4 || reserve_wiping(out, value.len * EXPANSION_MAX + 4) != 0)
        return err_memory(e);
    append_encoded(out, slot->encoding, value);
    return buf_failed(out) ? err_memory(e) : 0;
}

static int append_literal(struct buf *out, struct bytes text, size_t from, size_t to, struct err *e)
{
    if (to == from)
        return 0;
    if (reserve_wiping(out, to - from) != 0)
        return err_memory(e);
    buf_append(out, text.data + from, to - from);
    return 0;
}

int request_fill(struct buf *out, const struct request_view_text *text, const struct request_secrets *secrets,
                 struct err *e)
{
    const uint8_t *p = text->slots;
    size_t from = 0;
    if (reserve_wiping(out, text->bytes.len) != 0)
        return err_memory(e);
    for (int i = 0; i < text->slot_count; i++) {
        struct slot slot;
        p = next_slot(p, &slot);
        if (append_literal(out, text->bytes, from, slot.offset, e) != 0 || fill_slot(out, &slot, secrets, e) != 0)
            return -1;
        from = slot.offset;
    }
    return append_literal(out, text->bytes, from, text->bytes.len, e);
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
