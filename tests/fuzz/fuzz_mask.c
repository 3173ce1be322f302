/*
 * fuzz_mask: a secret never survives the mask, in whatever form a receiver writes it down, wherever the answer is cut
 * into pieces, and where its cap cuts it. An input is a secret, a line "%%", another secret, a line "%%", and what the
 * answer is made of: texts, and the secrets written with escapes or as part of base64, all by its bytes.
 */
#include "core/base64.h"
#include "core/secrets.h"
#include "fuzz.h"
#include "net/response.h"
#include "rfc8259.h"

#include <stdio.h>
#include <stdlib.h>

enum { SECRETS = 2, PLACES_MAX = 64, SHORTEST = 4, TEXT_MAX = 768, VAULT_USES = 64 };

enum form { AS_IT_IS, PERCENT, FORM, JSON, XML, BASE64, FORMS };

/* The bytes of the answer that must be blotted out. */
struct place {
    size_t from, to;
};

static struct answer {
    struct buf text;
    struct place places[PLACES_MAX];
    size_t count;
} answer;

/* --- as receivers write it -------------------------------------------------------------------------------------- */

/* What no common encoder touches is not looked for in any other way than as it is. */
static bool never_touched(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("-_.", c) != NULL;
}

static void put_percent(struct buf *out, char c, unsigned dice)
{
    buf_printf(out, dice % 2 == 0 ? "%%%02X" : "%%%02x", (unsigned char)c);
}

static unsigned code_point(struct bytes one)
{
    const unsigned char *p = (const unsigned char *)one.data;
    if (one.len == 1)
        return p[0];
    unsigned c = p[0] & (0xFFu >> (one.len + 1));
    for (size_t i = 1; i < one.len; i++)
        c = c * 64 + (p[i] & 63u);
    return c;
}

/* Both halves of a pair, or the one. */
static void put_json(struct buf *out, unsigned c, unsigned dice)
{
    static const char bytes[] = "\"\\/\b\f\n\r\t", names[] = "\"\\/bfnrt";
    const char *format = dice % 2 == 0 ? "\\u%04x" : "\\u%04X";
    const char *at = c > 0 && c < 0x80 ? strchr(bytes, (int)c) : NULL;
    if (at != NULL && dice % 4 < 2)
        buf_printf(out, "\\%c", names[at - bytes]);
    else if (c < 0x10000)
        buf_printf(out, format, c);
    else {
        buf_printf(out, format, 0xD800 + (c - 0x10000) / 1024);
        buf_printf(out, format, 0xDC00 + (c - 0x10000) % 1024);
    }
}

static void put_xml(struct buf *out, unsigned c, unsigned dice)
{
    static const char *const entities[] = {"&quot;", "&amp;", "&apos;", "&lt;", "&gt;"};
    static const char *const formats[] = {"&#%u;", "&#x%x;", "&#x%X;", "&#0%u;"};
    const char *at = c > 0 && c < 0x80 ? strchr("\"&'<>", (int)c) : NULL;
    if (at != NULL && dice % 8 < 4)
        buf_append_str(out, entities[at - "\"&'<>"]);
    else
        buf_printf(out, formats[dice % 4], c);
}

/* What the decoder of a form would not read as itself. */
static bool must_be_escaped(enum form form, char c)
{
    static const char *const sets[] = {[PERCENT] = "%", [FORM] = "%+", [JSON] = "\\", [XML] = "&"};
    return c != '\0' && strchr(sets[form], c) != NULL;
}

static void put_escaped(struct buf *out, enum form form, struct bytes value, struct bytes *dice)
{
    while (value.len > 0) {
        unsigned d = fuzz_byte(dice);
        char c = *value.data;
        bool ascii = (unsigned char)c < 0x80;
        size_t one = 1;
        while (!ascii && one < 4 && one < value.len && rfc8259_utf8((struct bytes){value.data, one}) != one)
            one++;
        bool whole = rfc8259_utf8((struct bytes){value.data, one}) == one;
        if (form >= JSON && !whole)
            one = 1;
        if (never_touched(c) || (!must_be_escaped(form, c) && d % 3 == 0))
            buf_append(out, value.data, form >= JSON ? one : (one = 1));
        else if (form == FORM && c == ' ')
            buf_append_char(out, '+'), one = 1;
        else if (form <= FORM)
            put_percent(out, c, d), one = 1;
        else if (!whole)
            buf_append_char(out, c);
        else if (form == JSON)
            put_json(out, code_point((struct bytes){value.data, one}), d);
        else
            put_xml(out, code_point((struct bytes){value.data, one}), d);
        (void)fuzz_take(&value, one);
    }
}

/* In the middle of other bytes; the characters that the value alone determines are to be blotted out. */
static struct place put_base64(struct buf *out, struct bytes value, struct bytes *dice)
{
    static struct buf plain;
    unsigned d = fuzz_byte(dice);
    size_t lead = d % 7, behind = d / 7 % 5;
    size_t from = out->len;
    buf_clear(&plain);
    buf_append(&plain, "before!", lead);
    buf_append_bytes(&plain, value);
    buf_append(&plain, "after", behind);
    FUZZ_CHECK(buf_reserve(out, base64_size(plain.len)) == 0);
    out->len += base64_encode(out->data + out->len, buf_view(&plain), 0, d >= 128 ? BASE64_URL : BASE64_STANDARD);
    return (struct place){from + (lead * 8 + 5) / 6, from + (lead + value.len) * 8 / 6};
}

/* --- the answer ------------------------------------------------------------------------------------------------- */

static void put_secret(struct bytes value, enum form form, struct bytes *dice)
{
    struct place place = {answer.text.len, 0};
    if (form == AS_IT_IS)
        buf_append_bytes(&answer.text, value);
    else if (form == BASE64)
        place = put_base64(&answer.text, value, dice);
    else
        put_escaped(&answer.text, form, value, dice);
    if (form != BASE64)
        place.to = answer.text.len;
    answer.places[answer.count++] = place;
}

static void compose(const struct bytes *values, struct bytes recipe)
{
    buf_clear(&answer.text);
    answer.count = 0;
    while (recipe.len > 0 && answer.count < PLACES_MAX && answer.text.len < TEXT_MAX) {
        unsigned what = fuzz_byte(&recipe), n = fuzz_byte(&recipe);
        if (what % 2 == 0)
            buf_append_bytes(&answer.text, fuzz_take(&recipe, n % 32));
        else if (values[what / 2 % SECRETS].len >= SHORTEST)
            put_secret(values[what / 2 % SECRETS], (enum form)(n % FORMS), &recipe);
    }
}

static void check_blotted(struct bytes got, const char *how)
{
    for (size_t i = 0; i < answer.count; i++)
        for (size_t at = answer.places[i].from; at < answer.places[i].to && at < got.len; at++)
            if (got.data[at] != '*')
                fuzz_fail("%s: byte %zu of %zu is %c: %.*s\nof: %.*s", how, at, got.len, got.data[at], (int)got.len,
                          got.data, (int)answer.text.len, answer.text.data);
}

static void try_whole(const struct secrets *s)
{
    static struct buf copy;
    buf_clear(&copy);
    buf_append_bytes(&copy, buf_view(&answer.text));
    bool found = secrets_mask(s, copy.data, copy.len);
    FUZZ_CHECK(found || answer.count == 0);
    check_blotted(buf_view(&copy), "whole");
}

/* As the transport does: read in pieces to somewhat beyond the cap, masked, cut. */
static void try_pieces(const struct secrets *s, size_t cap, size_t step)
{
    static struct attempt a;
    struct bytes rest = buf_view(&answer.text);
    size_t margin = secrets_longest_form(s); /* never more than is read, so that short secrets try it too */
    int rc = 0;
    FUZZ_CHECK(margin <= response_margin(s));
    response_begin(&a);
    for (size_t n = step; rest.len > 0 && rc == 0; n = n * 3 + 1)
        rc = response_body(&a, cap, margin, fuzz_take(&rest, n));
    response_end(&a, s, 0);
    response_cut(&a, cap);
    FUZZ_CHECK(a.body.len <= cap);
    check_blotted(buf_view(&a.body), "in pieces");
}

/* What was replaced keeps its place in the vault, so that is made anew now and then. */
static struct secrets *vault(struct err *e)
{
    static struct secrets *s;
    static unsigned uses;
    if (uses++ % VAULT_USES == 0) {
        secrets_free(s);
        s = secrets_new(e);
    }
    if (s == NULL)
        fuzz_fail("%s", e->message);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes rest = {(const char *)input, size}, values[SECRETS];
    struct err e;
    struct secrets *s = vault(&e);
    unsigned cap = fuzz_byte(&rest), step = fuzz_byte(&rest);
    for (size_t i = 0; i < SECRETS; i++) {
        values[i] = fuzz_part(&rest);
        if (secrets_set(s, bytes_of(i == 0 ? "A" : "B"), values[i], &e) != 0)
            fuzz_fail("%s", e.message);
    }
    compose(values, rest);
    try_whole(s);
    try_pieces(s, cap, step);
    return 0;
}
