/*
 * speech: what a daemon says in a conversation, printed: text and values on stdout, errors on stderr and in red, what
 * was not asked for dimmed. Each begins on a line of its own.
 */
#ifndef ANZOL_CLI_SPEECH_H
#define ANZOL_CLI_SPEECH_H

#include "cli/render.h"

struct speech {
    struct render out, err;
    bool json;        /* stdout is for values as JSON alone: text goes to stderr */
    bool interactive; /* a person reads stdout: what was not asked for goes there too */
    bool midline;     /* the last line that was printed has no end yet */
};

void speech_init(struct speech *s);
/* What a running line prints: as it is, at once. */
void speech_text(struct speech *s, struct bytes text);
/* Values as people read them. */
void speech_values(struct speech *s, struct bytes text);
/* Those of a message's "values" as JSON: one as itself, several as an array, none as nothing. */
void speech_json(struct speech *s, struct bytes message);
void speech_error(struct speech *s, struct bytes text);
void speech_note(struct speech *s, struct bytes text);
/* Before something else is printed. */
void speech_end_line(struct speech *s);

#endif
