/*
 * utf8: texts as sequences of characters (RFC 3629).
 */
#ifndef ANZOL_CORE_UTF8_H
#define ANZOL_CORE_UTF8_H

#include "core/buf.h"

/* Length of the longest prefix that is valid: s.len when the whole is. */
size_t utf8_valid_prefix(struct bytes s);
/* A byte that is not the first of its character. */
static inline bool utf8_continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}
/* How many characters begin in it. */
size_t utf8_count(struct bytes s);

#endif
