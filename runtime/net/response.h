/*
 * response: gathers what a receiver answers into an attempt, within its caps, and keeps private values out of it.
 */
#ifndef ANZOL_NET_RESPONSE_H
#define ANZOL_NET_RESPONSE_H

#include "core/attempt.h"

struct secrets;

enum { RESPONSE_BODY_CAP = 256 << 10, RESPONSE_HEADERS_CAP = 64 << 10 };

/* One line as it came, with its line end. A status line begins anew: of interim answers and redirects nothing is kept.
 * -1: memory. */
int response_header_line(struct attempt *a, struct bytes line);
/* A piece of the body. 0 kept; 1: the cap is reached, a->truncated is set and no more is wanted; -1: memory. */
int response_body(struct attempt *a, size_t cap, struct bytes piece);
/* The whole answer is there: Retry-After is read, private values that were echoed are blotted out. */
void response_end(struct attempt *a, const struct secrets *secrets, int64_t now_ms);

#endif
