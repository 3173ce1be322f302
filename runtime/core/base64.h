/*
 * base64: RFC 4648 sections 4 and 5, encoding alone. Writes into the caller's memory, so that private values stay in
 * it.
 */
#ifndef ANZOL_CORE_BASE64_H
#define ANZOL_CORE_BASE64_H

#include "core/buf.h"

enum base64_alphabet { BASE64_STANDARD, BASE64_URL };

/* Characters that base64_encode() writes for `len` bytes in all. */
size_t base64_size(size_t len);
/* Padded, no NUL, as if `lead` zero bytes (0 to 2) stood before `value`; returns base64_size(lead + value.len). */
size_t base64_encode(char *out, struct bytes value, size_t lead, enum base64_alphabet alphabet);

#endif
