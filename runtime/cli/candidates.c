#include "cli/candidates.h"

#include "cli/render.h"
#include "core/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <wchar.h>

enum { SHOWN_MAX = 100, GAP = 2 };

static bool is_harmless(struct bytes text)
{
    struct buf safe;
    buf_init(&safe);
    render_safe_line(&safe, text);
    bool same = !buf_failed(&safe) && bytes_equal(buf_view(&safe), text);
    buf_fini(&safe);
    return same;
}

static struct bytes item_at(const struct candidates *c, size_t i)
{
    const json_t *item = json_array_get(c->items, i);
    return (struct bytes){json_string_value(item), json_string_length(item)};
}

void candidates_init(struct candidates *c, const json_t *answer, size_t cursor)
{
    const json_t *items = json_object_get(answer, "items");
    json_int_t from = json_integer_value(json_object_get(answer, "from"));
    c->from = from < 0 || (json_int_t)cursor < from ? cursor : (size_t)from;
    c->items = json_array();
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        struct bytes text = {json_string_value(item), json_string_length(item)};
        if (text.len > 0 && is_harmless(text))
            json_array_append(c->items, item);
    }
}

void candidates_fini(struct candidates *c)
{
    json_decref(c->items);
    c->items = NULL;
}

size_t candidates_count(const struct candidates *c)
{
    return json_array_size(c->items);
}

struct bytes candidates_common(const struct candidates *c)
{
    struct bytes common = item_at(c, 0);
    for (size_t i = 1; i < candidates_count(c); i++) {
        struct bytes item = item_at(c, i);
        size_t same = 0;
        while (same < common.len && same < item.len && common.data[same] == item.data[same])
            same++;
        /* A character that differs in a later byte differs as a whole. */
        while (same > 0 && same < common.len && utf8_continues(common.data[same]))
            same--;
        common.len = same;
    }
    return common;
}

/* --- the list -------------------------------------------------------------------------------------------------- */

static size_t columns_of(struct bytes text)
{
    wchar_t *wide = calloc(text.len + 1, sizeof *wide);
    size_t n = wide == NULL ? (size_t)-1 : mbstowcs(wide, text.data, text.len + 1);
    int columns = n == (size_t)-1 ? -1 : wcswidth(wide, n);
    free(wide);
    return columns < 0 ? text.len : (size_t)columns;
}

static size_t widest(const struct candidates *c, size_t shown)
{
    size_t most = 0;
    for (size_t i = 0; i < shown; i++) {
        size_t columns = columns_of(item_at(c, i));
        most = columns > most ? columns : most;
    }
    return most;
}

/* Sorted downwards, as ls does. */
void candidates_print(const struct candidates *c, int width, FILE *out)
{
    size_t count = candidates_count(c), shown = count < SHOWN_MAX ? count : SHOWN_MAX;
    size_t step = widest(c, shown) + GAP, across = ((size_t)width + GAP - 1) / step;
    across = across > 0 ? across : 1;
    size_t rows = (shown + across - 1) / across;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = row; i < shown; i += rows) {
            struct bytes item = item_at(c, i);
            fwrite(item.data, 1, item.len, out);
            if (i + rows < shown)
                fprintf(out, "%*s", (int)(step - columns_of(item)), "");
        }
        fputc('\n', out);
    }
    if (shown < count)
        fprintf(out, "and %zu more\n", count - shown);
}
