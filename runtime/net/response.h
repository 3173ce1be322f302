/*
 * response: gathers what a receiver answers into an attempt, within its caps, and keeps private values out of it.
 */
#ifndef ANZOL_NET_RESPONSE_H
#define ANZOL_NET_RESPONSE_H

#include "core/attempt.h"

struct secrets;

enum {
    RESPONSE_BODY_CAP = 256 << 10,
    RESPONSE_HEADERS_CAP = 64 << 10,
    RESPONSE_MARGIN_MIN = 4 << 10,
};

/* A request leaves: nothing was answered to it yet. */
void response_begin(struct attempt *a);
/*
 * One line of the head as it came, with its line end. A status line begins anew until a final one came, so of interim
 * answers nothing is kept; until then the status is 0. A header line that finds no room is dropped, and those behind
 * it. -1: memory.
 */
int response_header_line(struct attempt *a, struct bytes line);
/* What is to be read beyond the cap, so that a private value which the cap would cut in two is found first. */
size_t response_margin(const struct secrets *secrets);
/* A piece of the body. 0: go on; 1: enough was read; -1: memory. a->truncated is set once there is more than `cap`. */
int response_body(struct attempt *a, size_t cap, size_t margin, struct bytes piece);
/* Retry-After is read, private values that were echoed are blotted out. */
void response_end(struct attempt *a, const struct secrets *secrets, int64_t now_ms);
/* The last step: no more of the body than the cap. */
void response_cut(struct attempt *a, size_t cap);

#endif
