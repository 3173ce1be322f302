#include "cli/screen.h"

#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wctype.h>

enum { COLUMNS_DEFAULT = 80, ROWS_DEFAULT = 24, TAB = 8, CONTROL_SHOWN = 2, SHORT_CODE = 7, LONG_CODE = 8 };

struct screen screen_size(void)
{
    struct screen s = {COLUMNS_DEFAULT, ROWS_DEFAULT};
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return s;
    if (size.ws_col >= 2)
        s.columns = size.ws_col;
    if (size.ws_row > 0)
        s.rows = size.ws_row;
    return s;
}

/* What follows is re_refresh() of libedit. */
struct spot {
    int row, column;
};

/* A text higher than the terminal scrolls. */
static void next_row(const struct screen *s, struct spot *p)
{
    p->column = 0;
    p->row += p->row + 1 < s->rows;
}

/* A character of two columns is not broken. */
static void put(const struct screen *s, struct spot *p, int columns)
{
    if (columns > 0 && p->column + columns > s->columns)
        next_row(s, p);
    p->column += columns;
    if (p->column >= s->columns)
        next_row(s, p);
}

static void put_each(const struct screen *s, struct spot *p, int count)
{
    while (count-- > 0)
        put(s, p, 1);
}

/* A control character as ^X, another that cannot be shown as \U+1234. */
static void put_character(const struct screen *s, struct spot *p, wchar_t c)
{
    if (c == L'\n')
        next_row(s, p);
    else if (c == L'\t')
        put_each(s, p, TAB - p->column % TAB);
    else if (c < 0x100 && iswcntrl((wint_t)c))
        put_each(s, p, CONTROL_SHOWN);
    else if (iswprint((wint_t)c))
        put(s, p, wcwidth(c));
    else
        put_each(s, p, c > 0xFFFF ? LONG_CODE : SHORT_CODE);
}

int screen_row(const struct screen *s, int prompt, const wchar_t *line, size_t at)
{
    struct spot p = {0, 0};
    put_each(s, &p, prompt);
    for (size_t i = 0; i < at; i++)
        put_character(s, &p, line[i]);
    if (iswprint((wint_t)line[at]) && p.column + wcwidth(line[at]) > s->columns)
        next_row(s, &p);
    return p.row;
}
