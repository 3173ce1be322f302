#include "net/control_client.h"

#include "core/utf8.h"

#include <stdio.h>

enum { PIECE_MAX = 1 << 17 /* escaped, a byte becomes six at most: it fits into a line */ };

/* --- lines ---------------------------------------------------------------------------------------------------- */

/* A line is begun in `out`: the caller writes members. Where it begins is for end_line(). */
static size_t begin_line(struct control_client *c, struct json_write *w)
{
    size_t begin = c->out.len;
    json_write_init(w, &c->out);
    json_write_object(w, NULL);
    return begin;
}

/* False: the line was too long and has been taken back. */
static bool end_line(struct control_client *c, struct json_write *w, size_t begin)
{
    json_write_end(w);
    if (!buf_failed(&c->out) && c->out.len - begin > CONTROL_LINE_MAX) {
        c->out.len = begin;
        return false;
    }
    buf_append_char(&c->out, '\n');
    control_client_send(c);
    return true;
}

void control_answer_problem(struct buf *out, const struct err *e)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w, NULL);
    json_write_str(&w, "problem", e->message);
    json_write_end(&w);
    buf_append_char(out, '\n');
}

static bool put_text(struct control_client *c, int64_t id, struct bytes text)
{
    struct json_write w;
    size_t begin = begin_line(c, &w);
    if (id > 0)
        json_write_int(&w, "id", id);
    json_write_bytes(&w, id > 0 ? "text" : "note", text);
    return end_line(c, &w, begin);
}

static bool put_end(struct control_client *c, int64_t id, enum control_end end, struct bytes text,
                    struct bytes values_json)
{
    static const char *const names[] = {
        [CONTROL_OK] = "ok", [CONTROL_ERROR] = "error", [CONTROL_MORE] = "more", [CONTROL_CANCELED] = "canceled"};
    struct json_write w;
    size_t begin = begin_line(c, &w);
    json_write_int(&w, "id", id);
    json_write_str(&w, "end", names[end]);
    if (end == CONTROL_OK || end == CONTROL_ERROR)
        json_write_bytes(&w, "text", text);
    if (end == CONTROL_OK && values_json.data != NULL)
        json_write_raw(&w, "values", values_json);
    return end_line(c, &w, begin);
}

static bool put_items(struct control_client *c, int64_t id, size_t from, const struct bytes *items, size_t count)
{
    struct json_write w;
    size_t begin = begin_line(c, &w);
    json_write_int(&w, "id", id);
    json_write_int(&w, "from", (int64_t)from);
    json_write_array(&w, "items");
    for (size_t i = 0; i < count; i++)
        json_write_bytes(&w, NULL, items[i]);
    json_write_end(&w);
    return end_line(c, &w, begin);
}

/* --- what is too long ----------------------------------------------------------------------------------------- */

/* Takes a piece off its front, between two characters where it is UTF-8. */
static struct bytes take_piece(struct bytes *text)
{
    size_t len = text->len < PIECE_MAX ? text->len : PIECE_MAX;
    for (size_t back = 0; len < text->len && back < 3 && utf8_continues(text->data[len]); back++)
        len--;
    struct bytes piece = {text->data, len};
    *text = (struct bytes){text->data + len, text->len - len};
    return piece;
}

static bool put_cut(struct control_client *c, int64_t id, enum control_end end, struct bytes text,
                    struct bytes values_json)
{
    struct buf cut;
    size_t whole = text.len;
    buf_init(&cut);
    buf_append_bytes(&cut, take_piece(&text));
    if (text.len > 0)
        buf_printf(&cut, "\n… (cut; it has %zu bytes)", whole);
    bool fits = put_end(c, id, end, buf_view(&cut), values_json);
    buf_fini(&cut);
    return fits;
}

static void put_too_many(struct control_client *c, int64_t id, size_t size)
{
    struct err e;
    err_set(&e, ERR_INPUT, 413, "the values are too long for an answer: found %zu bytes of JSON; expected less than %d",
            size, CONTROL_LINE_MAX);
    put_end(c, id, CONTROL_ERROR, bytes_of(e.message), (struct bytes){NULL, 0});
}

/* --- the interface -------------------------------------------------------------------------------------------- */

void control_text(struct control_client *c, int64_t id, struct bytes text)
{
    while (text.len > 0 && control_client_listens(c) && control_client_is_open(c, id))
        put_text(c, id, take_piece(&text));
}

void control_end(struct control_client *c, int64_t id, enum control_end end, struct bytes text,
                 struct bytes values_json)
{
    if (!control_client_listens(c) || !control_client_answered(c, id))
        return;
    if (!put_end(c, id, end, text, values_json) && !put_cut(c, id, end, text, values_json))
        put_too_many(c, id, values_json.len);
}

void control_items(struct control_client *c, int64_t id, size_t from, const struct bytes *items, size_t count)
{
    if (!control_client_listens(c) || !control_client_answered(c, id))
        return;
    while (!put_items(c, id, from, items, count))
        count /= 2;
}

void control_note(struct control_client *c, struct bytes text)
{
    while (text.len > 0 && control_client_listens(c))
        put_text(c, 0, take_piece(&text));
}

void control_answer_refuse(struct control_client *c, int64_t id, const struct err *e)
{
    put_end(c, id, CONTROL_ERROR, bytes_of(e->message), (struct bytes){NULL, 0});
}
