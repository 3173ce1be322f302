/*
 * answer: what came back on a connection of HTTP, read one answer after the other. What is no HTTP is a finding.
 */
#ifndef ANZOL_FUZZ_ANSWER_H
#define ANZOL_FUZZ_ANSWER_H

#include "core/buf.h"

struct answer {
    int status; /* 100, or 200 to 599 */
    struct bytes head, body;
    bool bodiless; /* the head tells of a body that was not sent */
};

/* Takes one answer off the front. That of a HEAD has a length and no body: may there be such? */
struct answer answer_take(struct bytes *rest, bool heads);

/* The value of a header; "" when it is not there. */
struct bytes answer_header(const struct answer *a, const char *name);

#endif
