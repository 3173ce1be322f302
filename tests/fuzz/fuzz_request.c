/*
 * fuzz_request: a stored request as the store may give it back, damaged. Reading fails cleanly, or finds what is
 * written again as the same bytes; what libcurl gets of it is a request and nothing else, whatever the secrets say.
 * An input is a byte that chooses what the secrets say, and the stored bytes.
 */
#include "core/request.h"
#include "core/secrets.h"
#include "fuzz.h"
#include "net/wire.h"

#include <stdlib.h>
#include <strings.h>

enum { NAMES_MAX = 8 };

static const char *const values[NAMES_MAX] = {
    "plain-value",        "two\r\nlines", "with space", "quote\" \\ & <x> '",
    "\xff\xfe not UTF-8", "http://h/",    "",           "caf\xc3\xa9/?#",
};

static unsigned chosen;

/* Another one each time the byte says so; some are not set. */
static struct bytes get_secret(void *ud, struct bytes name)
{
    (void)ud;
    unsigned n = chosen + (unsigned)name.len;
    return n % 9 == 8 ? (struct bytes){NULL, 0} : bytes_of(values[n % 9]);
}

static int hmac(struct bytes key, struct bytes message, uint8_t out[32])
{
    memset(out, (int)(key.len + message.len), 32);
    return 0;
}

/* --- written again ---------------------------------------------------------------------------------------------- */

/* The slots of a text, read by their layout (core/request.h), as pieces. Raw in a header is stored as of a header. */
static struct request_text pieces_of(const struct request_view_text *t)
{
    static struct request_piece *pieces;
    const uint8_t *p = t->slots;
    size_t from = 0, n = 0;
    free(pieces);
    pieces = calloc(2 * (size_t)t->slot_count + 1, sizeof *pieces);
    FUZZ_CHECK(pieces != NULL);
    for (int i = 0; i < t->slot_count; i++) {
        size_t offset = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
        size_t name_len = p[5] | (size_t)p[6] << 8;
        pieces[n++].literal = (struct bytes){t->bytes.data + from, offset - from};
        struct request_piece *slot = &pieces[n++];
        slot->encoding = (enum slot_encoding)(p[4] & 15);
        slot->form = (enum slot_form)(p[4] >> 4);
        slot->secret = (struct bytes){(const char *)p + 7, name_len};
        p += 7 + name_len;
        if (slot->form != SLOT_ITSELF) {
            slot->message.len = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
            slot->message.data = (const char *)p + 4;
            p += 4 + slot->message.len;
        }
        from = offset;
    }
    pieces[n++].literal = (struct bytes){t->bytes.data + from, t->bytes.len - from};
    return (struct request_text){pieces, n};
}

static bool has_raw_slot(const struct request_view_text *t)
{
    struct request_text text = pieces_of(t);
    for (size_t i = 0; i < text.count; i++)
        if (text.pieces[i].secret.data != NULL && text.pieces[i].encoding == SLOT_RAW)
            return true;
    return false;
}

static void check_rewriting(const struct request_view *v, struct bytes stored)
{
    static struct buf out;
    bool promoted = false;
    buf_clear(&out);
    FUZZ_CHECK(request_put_head(&out, &v->options, v->method, NULL) == 0);
    FUZZ_CHECK(request_put_url(&out, pieces_of(&v->url), NULL) == 0);
    FUZZ_CHECK(request_put_header_count(&out, v->header_count, NULL) == 0);
    for (int i = 0; i < v->header_count; i++) {
        promoted |= has_raw_slot(&v->headers[i].value);
        FUZZ_CHECK(request_put_header(&out, v->headers[i].name, pieces_of(&v->headers[i].value), NULL) == 0);
    }
    FUZZ_CHECK(request_put_body(&out, pieces_of(&v->body), NULL) == 0);
    FUZZ_CHECK(out.len == stored.len && (promoted || memcmp(out.data, stored.data, out.len) == 0));
}

/* --- filled ----------------------------------------------------------------------------------------------------- */

static void try_text(const struct request_view_text *t)
{
    static struct buf out;
    static const struct request_secrets secrets = {.get = get_secret, .hmac_sha256 = hmac};
    struct err e = {.code = 0};
    buf_clear(&out);
    FUZZ_CHECK(request_masked(&out, t) == 0);
    FUZZ_CHECK(out.len == t->bytes.len + 3 * (size_t)t->slot_count);
    buf_clear(&out);
    if (request_fill(&out, t, &secrets, &e) != 0)
        FUZZ_CHECK(e.code == 422 && strchr(e.message, '\n') == NULL);
    else
        FUZZ_CHECK(out.len >= t->bytes.len);
}

/* What is sent of a URL that libcurl does not take apart is what follows its host. */
static void check_origin(const struct wire *w)
{
    size_t len = w->origin_len;
    if (len == 0)
        return;
    FUZZ_CHECK(len <= strlen(w->url) && memchr(w->url, '@', len) == NULL);
    FUZZ_CHECK(strcspn(strstr(w->url, "://") + 3, "/?#") == len - (size_t)(strstr(w->url, "://") + 3 - w->url));
    FUZZ_CHECK(w->url[len] == '\0' ? strcmp(w->target, "/") == 0 : w->target == w->url + len);
    FUZZ_CHECK(w->target[0] == '/' && strchr(w->target, '#') == NULL);
    FUZZ_CHECK((w->options.flags & REQUEST_FOLLOW_REDIRECTS) == 0);
}

/* One request and nothing else: no line breaks where libcurl puts them, no second length. */
static void check_wire(const struct wire *w)
{
    size_t url = strlen(w->url), lines = 0;
    FUZZ_CHECK(strncasecmp(w->url, "http://", 7) == 0 || strncasecmp(w->url, "https://", 8) == 0);
    for (size_t i = 0; i < url; i++)
        FUZZ_CHECK((unsigned char)w->url[i] > ' ' && w->url[i] != 0x7F);
    for (const struct curl_slist *l = w->headers; l != NULL; l = l->next, lines++) {
        size_t name = strcspn(l->data, ":;");
        FUZZ_CHECK(l->data[name] != '\0' && strpbrk(l->data, "\r\n") == NULL);
        FUZZ_CHECK(name != 14 || strncasecmp(l->data, "Content-Length", name) != 0);
        FUZZ_CHECK(name != 17 || strncasecmp(l->data, "Transfer-Encoding", name) != 0);
    }
    FUZZ_CHECK(lines <= WIRE_LINES_MAX);
    check_origin(w);
}

static void try_wire(struct bytes stored, struct secrets *secrets)
{
    static struct wire w;
    struct err e = {.code = 0};
    if (wire_fill(&w, stored, secrets, &e) == 0)
        check_wire(&w);
    else
        FUZZ_CHECK(e.message[0] != '\0' && strchr(e.message, '\n') == NULL);
    wire_wipe(&w);
}

/* Names of one to eight letters have the values above, in some order. */
static struct secrets *vault(void)
{
    static struct secrets *made[NAMES_MAX + 1];
    struct secrets **s = &made[chosen % (NAMES_MAX + 1)];
    if (*s != NULL)
        return *s;
    FUZZ_CHECK((*s = secrets_new(NULL)) != NULL);
    for (size_t len = 1; len <= NAMES_MAX; len++) {
        struct bytes name = {"SSSSSSSS", len}, value = get_secret(NULL, name);
        if (value.data != NULL)
            FUZZ_CHECK(secrets_set(*s, name, value, NULL) == 0);
    }
    return *s;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct request_view v;
    struct request_options o;
    struct bytes stored = {(const char *)input, size};
    struct err e = {.code = 0};
    chosen = fuzz_byte(&stored);
    int rc = request_view_read(&v, stored, &e);
    FUZZ_CHECK(rc == 0 || (e.domain == ERR_STORE && strstr(e.message, "damaged") != NULL));
    FUZZ_CHECK(rc != 0 || request_options_read(&o, stored, &e) == 0);
    try_wire(stored, vault());
    if (rc != 0)
        return 0;
    check_rewriting(&v, stored);
    try_text(&v.url);
    try_text(&v.body);
    for (int i = 0; i < v.header_count; i++)
        try_text(&v.headers[i].value);
    return 0;
}
