#include "core/mask.h"

#include <string.h>

/* What one step of a decoder yields: the bytes of one character at most. */
struct decoded {
    unsigned char bytes[4];
    size_t len;
};

static size_t literal(char c, struct decoded *out)
{
    out->bytes[0] = (unsigned char)c;
    out->len = 1;
    return 1;
}

static void put_code_point(uint32_t c, struct decoded *out)
{
    static const unsigned char leads[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    out->len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = out->len; i-- > 1; c >>= 6)
        out->bytes[i] = (unsigned char)(0x80 | (c & 0x3F));
    out->bytes[0] = (unsigned char)(leads[out->len] | c);
}

/* `count` hex digits; -1: there are others among them. */
static int32_t hex(const char *p, size_t left, size_t count)
{
    int32_t n = 0;
    if (left < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        n = n << 4 | digit;
    }
    return n;
}

static size_t decode_percent(const char *p, size_t left, struct decoded *out)
{
    if (*p != '%')
        return literal(*p, out);
    int32_t n = hex(p + 1, left - 1, 2);
    if (n < 0)
        return 0;
    literal((char)n, out);
    return 3;
}

static size_t decode_form(const char *p, size_t left, struct decoded *out)
{
    return *p == '+' ? literal(' ', out) : decode_percent(p, left, out);
}

static size_t decode_json_unit(const char *p, size_t left, struct decoded *out)
{
    int32_t high = hex(p + 2, left - 2, 4), low = -1;
    if (high < 0)
        return 0;
    if (high >= 0xD800 && high <= 0xDBFF && left >= 12 && p[6] == '\\' && p[7] == 'u')
        low = hex(p + 8, left - 8, 4);
    bool pair = low >= 0xDC00 && low <= 0xDFFF;
    put_code_point(pair ? 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00) : (uint32_t)high, out);
    return pair ? 12 : 6;
}

static size_t decode_json(const char *p, size_t left, struct decoded *out)
{
    static const char names[] = "bfnrt\"\\/", bytes[] = "\b\f\n\r\t\"\\/";
    if (*p != '\\')
        return literal(*p, out);
    if (left < 2)
        return 0;
    if (p[1] == 'u')
        return decode_json_unit(p, left, out);
    const char *name = p[1] == '\0' ? NULL : strchr(names, p[1]);
    if (name == NULL)
        return 0;
    literal(bytes[name - names], out);
    return 2;
}

/* "#39;" or "#x27;" behind an ampersand. */
static size_t decode_xml_number(const char *p, size_t left, struct decoded *out)
{
    size_t i = 2;
    int base = left > 2 && (p[2] == 'x' || p[2] == 'X') ? 16 : 10;
    uint32_t n = 0;
    i += base == 16;
    for (int d; i < left && (d = hex_digit(p[i])) >= 0 && d < base && n < 0x110000; i++)
        n = n * (uint32_t)base + (uint32_t)d;
    if (i >= left || p[i] != ';' || n >= 0x110000)
        return 0;
    put_code_point(n, out);
    return i + 1;
}

static size_t decode_xml(const char *p, size_t left, struct decoded *out)
{
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    if (*p != '&')
        return literal(*p, out);
    if (left > 1 && p[1] == '#')
        return decode_xml_number(p, left, out);
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        size_t n = strlen(entities[i]);
        if (left >= n && memcmp(p, entities[i], n) == 0) {
            literal("&<>\"'"[i], out);
            return n;
        }
    }
    return 0;
}

static size_t match_decoded(struct bytes value, const char *data, size_t len,
                            size_t (*decode)(const char *, size_t, struct decoded *))
{
    size_t at = 0, seen = 0;
    while (seen < value.len) {
        struct decoded one;
        size_t used = at < len ? decode(data + at, len - at, &one) : 0;
        if (used == 0 || one.len > value.len - seen || memcmp(value.data + seen, one.bytes, one.len) != 0)
            return 0;
        at += used;
        seen += one.len;
    }
    return at;
}

size_t mask_match(struct bytes value, const char *data, size_t len)
{
    static size_t (*const decoders[])(const char *, size_t, struct decoded *) = {decode_percent, decode_form,
                                                                                 decode_json, decode_xml};
    size_t longest = value.len <= len && memcmp(value.data, data, value.len) == 0 ? value.len : 0;
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++) {
        size_t n = match_decoded(value, data, len, decoders[i]);
        longest = n > longest ? n : longest;
    }
    return longest;
}

bool mask_is_plain(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

size_t mask_base64_room(size_t value_len)
{
    return base64_size(value_len + 2);
}

size_t mask_base64(char *out, struct bytes value, int form)
{
    size_t lead = (size_t)form % 3;
    bool ended = form / 3 % 2 == 1;
    enum base64_alphabet alphabet = form / 6 == 0 ? BASE64_STANDARD : BASE64_URL;
    size_t end = base64_encode(out, value, lead, alphabet);
    /* A character carries six bits: one that shares its bits with a neighbour of the value is not known. */
    size_t first = (lead * 8 + 5) / 6;
    if (!ended)
        end = (lead + value.len) * 8 / 6;
    memmove(out, out + first, end - first);
    return end - first;
}
