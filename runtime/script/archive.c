#include "script/archive.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum { FORMAT = 1, ENTRIES_MAX = 100000 };

/* --- writing -------------------------------------------------------------------------------------------------- */

static void put_bytes(struct buf *out, struct bytes v)
{
    buf_put_u32(out, (uint32_t)v.len);
    buf_append_bytes(out, v);
}

static void put_files(struct buf *out, const struct load_file *files, size_t count)
{
    buf_put_u32(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_bytes(out, bytes_of(files[i].path));
        put_bytes(out, buf_view(&files[i].text));
    }
}

int archive_write(const struct load *l, struct buf *out, struct err *e)
{
    buf_put_u8(out, FORMAT);
    buf_put_u32(out, (uint32_t)l->dir_count);
    for (size_t i = 0; i < l->dir_count; i++)
        put_bytes(out, bytes_of(l->dirs[i]));
    put_files(out, l->files, l->file_count);
    put_files(out, l->modules, l->module_count);
    return buf_failed(out) ? err_memory(e) : 0;
}

/* --- reading -------------------------------------------------------------------------------------------------- */

struct scan {
    struct bytes rest;
    bool bad;
};

static struct bytes take(struct scan *s, size_t len)
{
    if (s->bad || len > s->rest.len) {
        s->bad = true;
        return (struct bytes){0};
    }
    struct bytes v = {s->rest.data, len};
    s->rest = (struct bytes){s->rest.data + len, s->rest.len - len};
    return v;
}

static uint32_t take_u32(struct scan *s)
{
    struct bytes v = take(s, 4);
    const unsigned char *b = (const unsigned char *)v.data;
    return v.len < 4 ? 0 : b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static struct bytes take_bytes(struct scan *s)
{
    return take(s, take_u32(s));
}

static uint32_t take_count(struct scan *s)
{
    uint32_t n = take_u32(s);
    s->bad = s->bad || n > ENTRIES_MAX;
    return s->bad ? 0 : n;
}

static int read_dirs(struct load *l, struct scan *s)
{
    uint32_t n = take_count(s);
    l->dirs = calloc(n + 1, sizeof *l->dirs);
    if (l->dirs == NULL)
        return -1;
    for (uint32_t i = 0; i < n && !s->bad; i++) {
        struct bytes path = take_bytes(s);
        if (s->bad)
            break;
        l->dirs[i] = strndup(path.len == 0 ? "" : path.data, path.len);
        if (l->dirs[i] == NULL)
            return -1;
        l->dir_count++;
    }
    return 0;
}

static int read_files(struct load_file **files, size_t *count, struct scan *s)
{
    uint32_t n = take_count(s);
    *files = calloc(n + 1, sizeof **files);
    if (*files == NULL)
        return -1;
    for (uint32_t i = 0; i < n && !s->bad; i++) {
        struct bytes path = take_bytes(s), text = take_bytes(s);
        if (s->bad)
            break;
        struct load_file *f = &(*files)[i];
        f->path = strndup(path.len == 0 ? "" : path.data, path.len);
        if (f->path == NULL)
            return -1;
        (*count)++;
        if (buf_append_bytes(&f->text, text) != 0)
            return -1;
    }
    return 0;
}

int archive_read(struct load *l, struct bytes archive, struct err *e)
{
    struct scan s = {.rest = archive};
    struct bytes format = take(&s, 1);
    if (s.bad || *format.data != FORMAT)
        return err_set(e, ERR_SCRIPT, 0, "the stored scripts are damaged, or of a newer anzol");
    l->archived = true;
    if (read_dirs(l, &s) != 0 || read_files(&l->files, &l->file_count, &s) != 0 ||
        read_files(&l->modules, &l->module_count, &s) != 0)
        return err_memory(e);
    if (s.bad || s.rest.len > 0)
        return err_set(e, ERR_SCRIPT, 0, "the stored scripts are damaged");
    return 0;
}

int archive_hash(struct bytes archive, uint8_t out[ARCHIVE_HASH_SIZE], struct err *e)
{
    unsigned n = 0;
    if (EVP_Digest(archive.data, archive.len, out, &n, EVP_sha256(), NULL) != 1 || n != ARCHIVE_HASH_SIZE)
        return err_set(e, ERR_SYSTEM, 0, "this machine's OpenSSL refuses SHA-256");
    return 0;
}
