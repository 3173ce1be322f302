/*
 * screen: the size of the terminal, and in which row of it libedit draws a character of the line that is edited: it
 * does not tell.
 */
#ifndef ANZOL_CLI_SCREEN_H
#define ANZOL_CLI_SCREEN_H

#include <stddef.h>
#include <wchar.h>

struct screen {
    int columns, rows;
};

/* Of stdout; 80 x 24 when it is no terminal or has no size. */
struct screen screen_size(void);
/* The row of line[at], counted from the row in which the prompt begins; `prompt`: its columns. line[at] may be the NUL
 * at the end. */
int screen_row(const struct screen *s, int prompt, const wchar_t *line, size_t at);

#endif
