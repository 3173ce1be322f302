/*
 * json_plain: what stands in a JSON string as it is (RFC 8259 section 7): ASCII without quotes, backslashes and control
 * characters; a byte, or eight at once. Shared by those who write strings and those who read them.
 */
#ifndef ANZOL_CORE_JSON_PLAIN_H
#define ANZOL_CORE_JSON_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

static inline bool json_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\'; /* what is no ASCII is negative */
}

/* Of eight bytes, the first lowest: the highest bit of the first that is not plain, and of some behind it; 0: all are.
 */
static inline uint64_t json_special_bits(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';
    uint64_t found = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | (eight - ones * 0x20) | eight;
    return found & ones * 0x80;
}

#endif
