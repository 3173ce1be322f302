/*
 * mask: recognises a private value in text that somebody else wrote down: as it is, escaped or in base64. The vault in
 * secrets.c decides what to look for and where.
 */
#ifndef ANZOL_CORE_MASK_H
#define ANZOL_CORE_MASK_H

#include "core/base64.h"
#include "core/buf.h"

/* Shorter values are not looked for: they would blot out half of every text. No form is shorter than this. */
enum { MASK_MIN = 4, MASK_BASE64_FORMS = 12 };

/* True when no common encoder touches any of the bytes: such a value looks the same in JSON, XML, URLs and forms. */
bool mask_is_plain(struct bytes value);
/*
 * Length of `value` at the start of `data`, as it is, percent-encoded, form-encoded, JSON-escaped or with XML entities,
 * in any mixture that one decoder would read back as the value; the longest. 0: not there.
 */
size_t mask_match(struct bytes value, const char *data, size_t len);
/* Bytes of room that mask_base64() needs at `out` for any form. */
size_t mask_base64_room(size_t value_len);
/*
 * Form number `form` of the value inside base64: one for each alignment and alphabet, of the characters that the value
 * alone determines; and the same where the encoded text ends with the value, padding included. Returns its length.
 */
size_t mask_base64(char *out, struct bytes value, int form);

#endif
