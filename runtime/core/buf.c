#include "core/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_next_whole_line(struct bytes *rest, struct bytes *line)
{
    const char *stop = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);
    if (stop == NULL)
        return false;
    *line = (struct bytes){rest->data, (size_t)(stop - rest->data)};
    *rest = (struct bytes){stop + 1, rest->len - line->len - 1};
    return true;
}

bool bytes_next_line(struct bytes *rest, struct bytes *line)
{
    if (bytes_next_whole_line(rest, line))
        return true;
    if (rest->len == 0)
        return false;
    *line = *rest;
    *rest = (struct bytes){rest->data + rest->len, 0};
    return true;
}

bool bytes_only(struct bytes v, const char *set)
{
    size_t i = 0;
    while (i < v.len && v.data[i] != '\0' && strchr(set, v.data[i]) != NULL)
        i++;
    return i == v.len;
}

struct bytes bytes_copy(struct bytes v)
{
    char *p = malloc(v.len + 1);
    if (p == NULL)
        return (struct bytes){NULL, 0};
    if (v.len > 0)
        memcpy(p, v.data, v.len);
    p[v.len] = '\0';
    return (struct bytes){p, v.len};
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void buf_init(struct buf *b)
{
    *b = (struct buf){0};
}

void buf_fini(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_drop(struct buf *b, size_t n)
{
    if (n == 0)
        return;
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

int buf_grow(struct buf *b, size_t extra)
{
    if (b->failed)
        return -1;
    size_t need = b->len + extra;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need && cap <= SIZE_MAX / 2)
        cap *= 2;
    char *data = need < extra || cap < need ? NULL : realloc(b->data, cap);
    if (data == NULL) {
        b->failed = true;
        return -1;
    }
    b->data = data;
    b->cap = cap;
    return 0;
}

int buf_append_int(struct buf *b, int64_t n)
{
    if (n >= 0 && n <= 9)
        return buf_append_char(b, (char)('0' + n));
    char text[20], *end = text + sizeof text, *p = end;
    uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do
        *--p = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (n < 0)
        *--p = '-';
    return buf_append(b, p, (size_t)(end - p));
}

int buf_vprintf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    int rc = -1;
    if (n < 0)
        b->failed = true;
    else if (buf_reserve(b, (size_t)n + 1) == 0) {
        vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
        b->len += (size_t)n;
        rc = 0;
    }
    va_end(again);
    return rc;
}

int buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = buf_vprintf(b, format, args);
    va_end(args);
    return rc;
}

bool buf_failed(const struct buf *b)
{
    return b->failed;
}

struct bytes buf_view(const struct buf *b)
{
    return (struct bytes){.data = b->data, .len = b->len};
}

const char *buf_cstr(struct buf *b)
{
    if (buf_reserve(b, 1) != 0)
        return NULL;
    b->data[b->len] = '\0';
    return b->data;
}

char *buf_take(struct buf *b, size_t *len)
{
    if (buf_cstr(b) == NULL) {
        buf_fini(b);
        return NULL;
    }
    char *data = b->data;
    if (len != NULL)
        *len = b->len;
    *b = (struct buf){0};
    return data;
}

int buf_put_u8(struct buf *b, uint8_t v)
{
    return buf_append(b, &v, 1);
}

int buf_put_u16(struct buf *b, uint16_t v)
{
    unsigned char le[2] = {(unsigned char)v, (unsigned char)(v >> 8)};
    return buf_append(b, le, sizeof le);
}

int buf_put_u32(struct buf *b, uint32_t v)
{
    unsigned char le[4] = {(unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16),
                           (unsigned char)(v >> 24)};
    return buf_append(b, le, sizeof le);
}
