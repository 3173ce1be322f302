/*
 * rfc8259: a second opinion on JSON: reads exactly what RFC 8259 says, as a tree. Written for the fuzz targets, and
 * sharing nothing with the runtime: what the two do not agree on is a finding.
 */
#ifndef ANZOL_FUZZ_RFC8259_H
#define ANZOL_FUZZ_RFC8259_H

#include "core/buf.h"

enum rfc8259_kind {
    RFC8259_NULL,
    RFC8259_FALSE,
    RFC8259_TRUE,
    RFC8259_NUMBER,
    RFC8259_STRING,
    RFC8259_ARRAY,
    RFC8259_OBJECT
};

struct rfc8259_value {
    enum rfc8259_kind kind;
    struct bytes written;               /* as it stands in the text, quotes and brackets included */
    struct bytes name, text;            /* of a member; of a string: what they say */
    struct rfc8259_value *first, *next; /* elements or members, in their order */
};

/* NULL: it is no JSON. The tree is valid until the next call, and is made of the text, which must stay. */
const struct rfc8259_value *rfc8259_read(struct bytes text);
/* How deep arrays and objects are nested in it. */
size_t rfc8259_depth(const struct rfc8259_value *v);
/* Whether the number has no fraction and no exponent. */
bool rfc8259_is_integer(const struct rfc8259_value *v);
/* The last member of that name, as most readers have it; NULL: none. */
const struct rfc8259_value *rfc8259_member(const struct rfc8259_value *object, struct bytes name);
/* Length of the longest prefix that is UTF-8 (RFC 3629 section 4). */
size_t rfc8259_utf8(struct bytes s);

#endif
