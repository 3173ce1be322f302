#include "cli/table.h"

#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { GAP = 2 };

void table_init(struct table *t, const char *const *titles, size_t columns)
{
    *t = (struct table){.titles = titles, .columns = columns};
}

void table_fini(struct table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i].text);
    free(t->cells);
}

static int grow(struct table *t)
{
    if (t->count < t->cap)
        return 0;
    size_t cap = t->cap == 0 ? 8 * t->columns : 2 * t->cap;
    struct table_cell *cells = reallocarray(t->cells, cap, sizeof *cells);
    if (cells == NULL)
        return -1;
    t->cells = cells;
    t->cap = cap;
    return 0;
}

void table_add(struct table *t, enum style style, const char *format, ...)
{
    va_list args;
    struct buf text, safe;
    buf_init(&text);
    buf_init(&safe);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    render_safe_line(&safe, buf_view(&text));
    char *cell = buf_failed(&text) ? NULL : buf_take(&safe, NULL);
    if (cell == NULL || grow(t) != 0) {
        free(cell);
        t->failed = true;
    } else
        t->cells[t->count++] = (struct table_cell){cell, style};
    buf_fini(&safe);
    buf_fini(&text);
}

/* Columns on the screen, near enough: one a code point. */
static size_t width_of(const char *s)
{
    return utf8_count(bytes_of(s));
}

static void measure(const struct table *t, size_t *widths)
{
    for (size_t i = 0; i < t->columns; i++)
        widths[i] = width_of(t->titles[i]);
    for (size_t i = 0; i < t->count; i++) {
        size_t width = width_of(t->cells[i].text);
        if (width > widths[i % t->columns])
            widths[i % t->columns] = width;
    }
}

/* No blanks after the last cell of a line. */
static void put_cell(const struct table *t, const struct render *r, const char *text, enum style style, size_t column,
                     const size_t *widths)
{
    render_text(r, style, "%s", text);
    if (column + 1 == t->columns)
        fputc('\n', r->out);
    else
        fprintf(r->out, "%*s", (int)(widths[column] - width_of(text) + GAP), "");
}

int table_print(const struct table *t, const struct render *r)
{
    size_t *widths = calloc(t->columns, sizeof *widths);
    if (widths == NULL || t->failed) {
        free(widths);
        return -1;
    }
    measure(t, widths);
    for (size_t i = 0; i < t->columns; i++)
        put_cell(t, r, t->titles[i], STYLE_DIM, i, widths);
    for (size_t i = 0; i < t->count; i++)
        put_cell(t, r, t->cells[i].text, t->cells[i].style, i % t->columns, widths);
    free(widths);
    return 0;
}
