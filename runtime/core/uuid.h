/*
 * uuid: UUID version 7 (RFC 9562 section 5.7), strictly increasing within one source even when the clock stands
 * still or steps back: the 12 bits of rand_a count within a millisecond (section 6.2, method 1).
 */
#ifndef ANZOL_CORE_UUID_H
#define ANZOL_CORE_UUID_H

#include "core/buf.h"

enum { UUID_SIZE = 16, UUID_TEXT_SIZE = 37 /* 36 and the NUL */ };

struct uuid {
    uint8_t b[UUID_SIZE];
};

struct uuid_source {
    int64_t last_ms;
    uint32_t counter;
};

/* `random` supplies the 62 random bits (taken from its low end) and, on a new millisecond, the counter's start. */
struct uuid uuid_next(struct uuid_source *s, int64_t wall_ms, const uint8_t random[10]);
/* From here on only ids above `last`, a version 7 UUID, however the clock stands. */
void uuid_follow(struct uuid_source *s, const struct uuid *last);
/* Lower-case 8-4-4-4-12 and a NUL. */
void uuid_format(const struct uuid *u, char out[UUID_TEXT_SIZE]);
/* 0, or -1 when `text` is not a UUID in the 36-character form (either case). */
int uuid_parse(struct bytes text, struct uuid *out);

#endif
