/*
 * buf: a growable run of bytes, and `struct bytes`, a view of bytes somebody else owns.
 *
 * A failed allocation is sticky: later appends do nothing, and buf_failed() tells at the end, so that code
 * which composes a text checks once. The bytes are not NUL-terminated unless buf_cstr() is asked.
 */
#ifndef ANZOL_CORE_BUF_H
#define ANZOL_CORE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const char *data; /* may be NULL when len is 0 */
    size_t len;
};

/* A view of a NUL-terminated string; NULL gives an empty view. Inline: the length of a literal costs nothing. */
static inline struct bytes bytes_of(const char *s)
{
    return (struct bytes){.data = s, .len = s == NULL ? 0 : strlen(s)};
}
bool bytes_equal(struct bytes a, struct bytes b);
/* By bytes, as strcmp(): negative, 0, positive. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}
/* Takes the next line, without its newline, off `rest`. False: there is none. A last newline begins no line. */
bool bytes_next_line(struct bytes *rest, struct bytes *line);
/* The same of lines that end in a newline: what is behind the last one stays in `rest`. */
bool bytes_next_whole_line(struct bytes *rest, struct bytes *line);
/* Whether each byte is one of `set`. */
bool bytes_only(struct bytes v, const char *set);
/* FNV-1a, for tables of names. */
static inline size_t bytes_hash(struct bytes v)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < v.len; i++)
        hash = (hash ^ (unsigned char)v.data[i]) * 16777619u;
    return hash ^ hash >> 16;
}
/* A copy with a NUL after it (free() its data); data NULL when memory is short. */
struct bytes bytes_copy(struct bytes v);
/* The value of a hex digit of either case; -1: it is none. */
int hex_digit(char c);

struct buf {
    char *data;
    size_t len;
    size_t cap;
    bool failed;
};

void buf_init(struct buf *b);
void buf_fini(struct buf *b);
/* Empties and keeps the memory; clears the failure. */
void buf_clear(struct buf *b);
/* Takes the first n of its bytes away. */
void buf_drop(struct buf *b, size_t n);
/* buf_reserve() where there is none yet. */
int buf_grow(struct buf *b, size_t extra);
/* Room for `extra` more bytes. 0, or -1 when memory is short (sticky). Inline, as buf_append() is: every text the
 * process makes goes through them in small pieces. */
static inline int buf_reserve(struct buf *b, size_t extra)
{
    return b->failed || extra > b->cap - b->len ? buf_grow(b, extra) : 0;
}
static inline int buf_append(struct buf *b, const void *data, size_t len)
{
    if (buf_reserve(b, len) != 0)
        return -1;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    return 0;
}
static inline int buf_append_bytes(struct buf *b, struct bytes v)
{
    return buf_append(b, v.data, v.len);
}
static inline int buf_append_str(struct buf *b, const char *s)
{
    return buf_append_bytes(b, bytes_of(s));
}
/* In decimal. */
int buf_append_int(struct buf *b, int64_t n);
static inline int buf_append_char(struct buf *b, char c)
{
    return buf_append(b, &c, 1);
}
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *format, va_list args);
bool buf_failed(const struct buf *b);
struct bytes buf_view(const struct buf *b);
/* The content with a NUL after it (not counted in len); NULL when memory was short. Valid until the next call. */
const char *buf_cstr(struct buf *b);
/* Hands the memory over (free() it); NUL-terminated; the buffer is empty afterwards. NULL when memory was short. */
char *buf_take(struct buf *b, size_t *len);

/* Numbers of the stored formats: little-endian, fixed size. */
int buf_put_u8(struct buf *b, uint8_t v);
int buf_put_u16(struct buf *b, uint16_t v);
int buf_put_u32(struct buf *b, uint32_t v);

#endif
