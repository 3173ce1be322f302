#include "core/base64.h"

static const char alphabets[2][65] = {
    [BASE64_STANDARD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

size_t base64_size(size_t len)
{
    return len / 3 * 4 + (len % 3 == 0 ? 0 : 4);
}

static uint32_t byte_at(struct bytes value, size_t lead, size_t i)
{
    return i < lead || i - lead >= value.len ? 0 : (unsigned char)value.data[i - lead];
}

size_t base64_encode(char *out, struct bytes value, size_t lead, enum base64_alphabet alphabet)
{
    const char *digits = alphabets[alphabet];
    size_t len = lead + value.len;
    char *p = out;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = byte_at(value, lead, i) << 16 | byte_at(value, lead, i + 1) << 8 | byte_at(value, lead, i + 2);
        *p++ = digits[three >> 18];
        *p++ = digits[three >> 12 & 63];
        *p++ = len - i < 2 ? '=' : digits[three >> 6 & 63];
        *p++ = len - i < 3 ? '=' : digits[three & 63];
    }
    return (size_t)(p - out);
}
