/*
 * fuzz: what the targets share. A target is a file fuzz_NAME.c that defines LLVMFuzzerTestOneInput(); it is linked with
 * libFuzzer (make fuzz), or with replay.c, which runs the inputs of a folder once each. What a target finds ends the
 * process: both tell which input it was.
 */
#ifndef ANZOL_FUZZ_H
#define ANZOL_FUZZ_H

#include "core/buf.h"

#include <lua.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* Says what is wrong, and ends the process. */
void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define FUZZ_CHECK(ok)                                                                                                 \
    do                                                                                                                 \
        if (!(ok))                                                                                                     \
            fuzz_fail("%s:%d: not so: %s", __FILE__, __LINE__, #ok);                                                   \
    while (0)

/* Takes the part up to the next line "%%" off `rest`, or all of it. Never without an address. */
struct bytes fuzz_part(struct bytes *rest);
/* Takes one byte off its front; 0 when there is none. */
unsigned fuzz_byte(struct bytes *rest);
/* The same for the next n bytes, or as many as there are. */
struct bytes fuzz_take(struct bytes *rest, size_t n);

/* Lets the lines of stdlib that run count as coverage. */
void fuzz_count_lines(lua_State *L);

#endif
