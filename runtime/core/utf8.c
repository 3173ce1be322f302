#include "core/utf8.h"

#include <stdint.h>

size_t utf8_count(struct bytes s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += !utf8_continues(s.data[i]);
    return n;
}

/* Length of the sequence at `s`, 0 when it is not valid: no overlong forms, no surrogates, nothing over U+10FFFF. */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
    unsigned char c = s[0];
    if (c < 0x80)
        return 1;
    if (c < 0xC2 || c > 0xF4 || left < 2 || !utf8_continues((char)s[1]))
        return 0;
    if (c < 0xE0)
        return 2;
    if ((c == 0xE0 && s[1] < 0xA0) || (c == 0xED && s[1] > 0x9F) || left < 3 || !utf8_continues((char)s[2]))
        return 0;
    if (c < 0xF0)
        return 3;
    if ((c == 0xF0 && s[1] < 0x90) || (c == 0xF4 && s[1] > 0x8F) || left < 4 || !utf8_continues((char)s[3]))
        return 0;
    return 4;
}

size_t utf8_valid_prefix(struct bytes s)
{
    const unsigned char *p = (const unsigned char *)s.data;
    size_t i = 0;
    while (i < s.len) {
        uint64_t eight;
        /* Payloads are mostly ASCII: eight bytes a step. */
        while (s.len - i >= sizeof eight && (memcpy(&eight, p + i, sizeof eight), (eight & 0x8080808080808080u) == 0))
            i += sizeof eight;
        size_t n = i < s.len ? utf8_sequence(p + i, s.len - i) : 0;
        if (n == 0)
            break;
        i += n;
    }
    return i;
}
