/*
 * render: output for people: colours on a terminal that wants them, times in local time and short, JSON indented, and
 * nothing that could steer the terminal: control characters of foreign text are shown, not sent.
 */
#ifndef ANZOL_CLI_RENDER_H
#define ANZOL_CLI_RENDER_H

#include "core/buf.h"

#include <stdio.h>

enum style { STYLE_PLAIN, STYLE_DIM, STYLE_BOLD, STYLE_GOOD, STYLE_BAD, STYLE_WARN, STYLE_NAME };

struct render {
    FILE *out;
    bool color;
    int64_t now_ms; /* wall clock, to say "today" */
};

enum { RENDER_TIME_SIZE = 32 };

/* Colours when `out` is a terminal, NO_COLOR is not set and TERM is not "dumb". */
void render_init(struct render *r, FILE *out);
/* Formatted text in a style; the arguments are made safe. */
void render_text(const struct render *r, enum style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Foreign text: line breaks and tabs stay, other control characters and bytes that are not UTF-8 appear as \x1b. */
void render_safe(const struct render *r, struct bytes text);
/* The same on one line: line breaks are shown as well. Appends to `out`. */
void render_safe_line(struct buf *out, struct bytes text);
/* As render_safe(), in a style. */
void render_styled(const struct render *r, enum style style, struct bytes text);
/* "Name: value", the name in its style. */
void render_header(const struct render *r, struct bytes name, struct bytes value);
/* A body with a line break at its end: JSON indented with its keys and numbers as they came, else as text. Empty:
 * nothing. */
void render_body(const struct render *r, struct bytes body);
/* The text of valid JSON, indented, no line break at its end. In pretty.c. */
void render_json(const struct render *r, struct bytes json);
/* "14:03:22" today, "Nov 23 14:03" this year, else "2025-11-23". */
void render_time(const struct render *r, int64_t wall_ms, char out[RENDER_TIME_SIZE]);
/* Of an RFC 3339 text; NULL or unreadable: as it is, "" for NULL. */
void render_time_text(const struct render *r, const char *rfc3339, char out[RENDER_TIME_SIZE]);
/* "1.25 ms", "12 ms", "1.50 s". */
void render_duration(double ms, char out[RENDER_TIME_SIZE]);
/* The style of a delivery's or a run's state and of an HTTP status. */
enum style style_of_state(const char *state);
enum style style_of_status(int status);

#endif
