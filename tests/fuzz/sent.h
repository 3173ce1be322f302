/*
 * sent: is what somebody was told that which was sent? Looked for in the bytes themselves, without reading HTTP.
 */
#ifndef ANZOL_FUZZ_SENT_H
#define ANZOL_FUZZ_SENT_H

#include "core/buf.h"

/* How often `what` is there. */
size_t sent_count(struct bytes sent, const char *what);
/* The same, where a blank or a line's end is next. */
size_t sent_count_ends(struct bytes sent, const char *what);

bool sent_has(struct bytes sent, struct bytes part);
/* The bytes of `part` in their order, whatever stands between them: a body in chunks. */
bool sent_has_within(struct bytes sent, struct bytes part);

enum sent_line { SENT_NOT, SENT_BEGINNING, SENT_LINE };
/* Is it a line, or the beginning of one? It has at least a byte. */
enum sent_line sent_has_line(struct bytes sent, struct bytes line);

/* Is it, whole, a part of a path or a value of a parameter? Escapes are read; one of NUL stays, and a bare NUL ends it.
 */
bool sent_has_name(struct bytes sent, const char *name);

#endif
