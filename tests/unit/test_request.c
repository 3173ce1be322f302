#include "core/request.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define TEXT(...)                                                                                                      \
    ((struct request_text){(const struct request_piece[]){__VA_ARGS__},                                                \
                           sizeof((const struct request_piece[]){__VA_ARGS__}) / sizeof(struct request_piece)})

static struct request_piece lit(const char *s)
{
    return (struct request_piece){.literal = bytes_of(s)};
}

static struct request_piece slot(const char *name, enum slot_encoding encoding)
{
    return (struct request_piece){.secret = bytes_of(name), .encoding = encoding};
}

static struct request_piece signature(const char *name, enum slot_encoding encoding, enum slot_form form,
                                      const char *message)
{
    return (struct request_piece){
        .secret = bytes_of(name), .encoding = encoding, .form = form, .message = bytes_of(message)};
}

static struct bytes vault_value; /* of the secret "S" */

static struct bytes get_secret(void *ud, struct bytes name)
{
    (void)ud;
    return name.len == 1 && *name.data == 'S' ? vault_value : (struct bytes){0};
}

/* Not the real one: core knows none. It shows what it was given. */
static int sign(struct bytes key, struct bytes message, uint8_t out[32])
{
    memset(out, 0xF0, 32);
    for (size_t i = 0; i < key.len && i < 16; i++)
        out[i] = (uint8_t)key.data[i];
    for (size_t i = 0; i < message.len && i < 16; i++)
        out[16 + i] = (uint8_t)message.data[i];
    return message.len == 3 && memcmp(message.data, "bad", 3) == 0 ? -1 : 0;
}

static const struct request_secrets vault = {.get = get_secret, .hmac_sha256 = sign};

static struct request_options sample_options(void)
{
    struct request_options o = {.flags = REQUEST_HAS_KEY | REQUEST_HAS_BODY, .timeout_ms = 30000, .connect_ms = 5000};
    retry_policy_default(&o.retry);
    return o;
}

static void put_sample(struct buf *b)
{
    struct request_options o = sample_options();
    struct err e;
    assert_int_equal(request_put_head(b, &o, bytes_of("POST"), &e), 0);
    assert_int_equal(request_put_url(b, TEXT(lit("https://x/?k="), slot("S", SLOT_URL), lit("&z=1")), &e), 0);
    assert_int_equal(request_put_header_count(b, 3, &e), 0);
    assert_int_equal(request_put_header(b, bytes_of("Authorization"), TEXT(lit("Bearer "), slot("S", SLOT_RAW)), &e),
                     0);
    assert_int_equal(request_put_header(b, bytes_of("X-Two"), TEXT(slot("S", SLOT_BASE64), slot("S", SLOT_HEADER)), &e),
                     0);
    assert_int_equal(request_put_header(b, bytes_of("X-Empty"), TEXT(signature("S", SLOT_RAW, SLOT_HMAC_HEX, "m")), &e),
                     0);
    assert_int_equal(request_put_body(b, TEXT(lit("{\"a\":\""), slot("S", SLOT_JSON), lit("\"}")), &e), 0);
}

static void check_filled(const struct request_view_text *text, const char *want)
{
    struct buf b;
    struct err e = {0};
    buf_init(&b);
    assert_int_equal(request_fill(&b, text, &vault, &e), 0);
    assert_string_equal(buf_cstr(&b), want);
    buf_fini(&b);
}

static void check_masked(const struct request_view_text *text, const char *want)
{
    struct buf b;
    buf_init(&b);
    assert_int_equal(request_masked(&b, text), 0);
    assert_string_equal(buf_cstr(&b), want);
    buf_fini(&b);
}

static void what_was_written_reads_back(void **state)
{
    struct buf b;
    struct request_view v;
    struct request_options o, want = sample_options();
    (void)state;
    buf_init(&b);
    put_sample(&b);
    assert_int_equal(request_view_read(&v, buf_view(&b), NULL), 0);
    assert_int_equal(request_options_read(&o, buf_view(&b), NULL), 0);
    assert_int_equal(o.flags, want.flags);
    assert_int_equal(o.timeout_ms, 30000);
    assert_int_equal(o.connect_ms, 5000);
    assert_int_equal(o.retry.delay_count, 3);
    assert_int_equal(o.retry.delays_ms[2], 240000);
    assert_int_equal(o.retry.codes[0], 429);
    assert_int_equal(o.retry.on, want.retry.on);
    assert_int_equal(o.retry.within_ms, 360000);
    assert_true(bytes_equal(v.method, bytes_of("POST")));
    assert_int_equal(v.header_count, 3);
    assert_true(bytes_equal(v.headers[0].name, bytes_of("Authorization")));
    vault_value = bytes_of("a b\"");
    check_filled(&v.url, "https://x/?k=a%20b%22&z=1");
    check_filled(&v.headers[0].value, "Bearer a b\"");
    check_filled(&v.headers[1].value, "YSBiIg==a b\"");
    check_filled(&v.headers[2].value, "61206222f0f0f0f0f0f0f0f0f0f0f0f06df0f0f0f0f0f0f0f0f0f0f0f0f0f0f0");
    check_filled(&v.body, "{\"a\":\"a b\\\"\"}");
    check_masked(&v.url, "https://x/?k=***&z=1");
    check_masked(&v.headers[1].value, "******");
    check_masked(&v.body, "{\"a\":\"***\"}");
    buf_fini(&b);
}

/* Fills one slot of `encoding`; NULL: it must be refused, with a message that does not show the value. */
static void check_slot(enum slot_encoding encoding, struct bytes value, const char *want)
{
    struct buf b, out;
    struct request_view v;
    struct request_options o = sample_options();
    struct err e = {0};
    buf_init(&b);
    buf_init(&out);
    assert_int_equal(request_put_head(&b, &o, bytes_of("GET"), NULL), 0);
    assert_int_equal(request_put_url(&b, TEXT(lit("")), NULL), 0);
    assert_int_equal(request_put_header_count(&b, 0, NULL), 0);
    assert_int_equal(request_put_body(&b, TEXT(lit("<"), slot("S", encoding), lit(">")), NULL), 0);
    assert_int_equal(request_view_read(&v, buf_view(&b), NULL), 0);
    vault_value = value;
    assert_int_equal(request_fill(&out, &v.body, &vault, &e), want == NULL ? -1 : 0);
    if (want != NULL) {
        assert_int_equal(out.len, strlen(want) + 2);
        assert_memory_equal(out.data + 1, want, strlen(want));
    } else {
        assert_non_null(strstr(e.message, "\"S\""));
        assert_null(strstr(e.message, "hush"));
    }
    buf_fini(&out);
    buf_fini(&b);
}

static void signatures_are_made_while_filling(void **state)
{
    struct buf b, out;
    struct request_view v;
    struct request_options o = sample_options();
    struct err e = {0};
    (void)state;
    buf_init(&b);
    buf_init(&out);
    vault_value = bytes_of("key");
    assert_int_equal(request_put_head(&b, &o, bytes_of("GET"), NULL), 0);
    assert_int_equal(
        request_put_url(
            &b, TEXT(lit("u?"), signature("S", SLOT_URL, SLOT_HMAC_BASE64, "~~"), lit("&"), slot("S", SLOT_RAW)), NULL),
        0);
    assert_int_equal(request_put_header_count(&b, 1, NULL), 0);
    assert_int_equal(
        request_put_header(&b, bytes_of("h"), TEXT(signature("S", SLOT_HEADER, SLOT_HMAC_HEX_UPPER, "bad")), NULL), 0);
    assert_int_equal(request_put_body(&b, TEXT(signature("S", SLOT_JSON, SLOT_HMAC_HEX_UPPER, ""), lit("!")), NULL), 0);
    assert_int_equal(request_view_read(&v, buf_view(&b), NULL), 0);
    check_filled(&v.url, "u?a2V58PDw8PDw8PDw8PDw8H5%2B8PDw8PDw8PDw8PDw8PA%3D&key");
    check_masked(&v.url, "u?***&***");
    check_filled(&v.body, "6B6579F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0!");
    assert_int_equal(request_fill(&out, &v.headers[0].value, &vault, &e), -1);
    assert_string_equal(e.message, "a signature cannot be made");
    vault_value = (struct bytes){0};
    assert_int_equal(request_fill(&out, &v.body, &vault, &e), -1);
    assert_string_equal(e.message, "the secret \"S\" is not set");
    buf_fini(&out);
    buf_fini(&b);
}

static void every_place_gets_its_encoding(void **state)
{
    (void)state;
    check_slot(SLOT_RAW, bytes_of("a\r\n\xFF"), "a\r\n\xFF");
    check_slot(SLOT_RAW, (struct bytes){"", 0}, "");
    check_slot(SLOT_HEADER, bytes_of("a\t\xC3\xA9"), "a\t\xC3\xA9");
    check_slot(SLOT_URL, bytes_of("aZ09-._~ +/%\xC3\xA9"), "aZ09-._~%20%2B%2F%25%C3%A9");
    check_slot(SLOT_JSON, bytes_of("\x01\n\"\\/"), "\\u0001\\n\\\"\\\\/");
    check_slot(SLOT_XML, bytes_of("<&>\"'\n\t\r\xC3\xA9"),
               "&lt;&amp;&gt;&quot;&#39;&#10;&#9;&#13;\xC3\xA9"); /* attributes would lose the last three */
    check_slot(SLOT_BASE64, bytes_of("user:pass"), "dXNlcjpwYXNz");
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    check_slot(SLOT_HEADER, bytes_of("hush\n"), NULL);
    check_slot(SLOT_HEADER, bytes_of("hush\rX: y"), NULL);
    check_slot(SLOT_HEADER, (struct bytes){"hush\0", 5}, NULL);
    check_slot(SLOT_JSON, bytes_of("hush\xFF"), NULL);
    check_slot(SLOT_XML, bytes_of("hush\x01"), NULL);
    check_slot(SLOT_XML, bytes_of("hush\xC0\x80"), NULL);
    check_slot(SLOT_RAW, (struct bytes){0}, NULL); /* gone */
}

static void raw_in_a_header_is_checked_all_the_same(void **state)
{
    struct buf b, out;
    struct request_view v;
    (void)state;
    buf_init(&b);
    buf_init(&out);
    put_sample(&b);
    assert_int_equal(request_view_read(&v, buf_view(&b), NULL), 0);
    vault_value = bytes_of("x\r\nEvil: 1");
    assert_int_equal(request_fill(&out, &v.headers[0].value, &vault, NULL), -1);
    buf_fini(&out);
    buf_fini(&b);
}

static void long_values_fill_whole(void **state)
{
    static char value[20000];
    struct buf b, out;
    struct request_view v;
    (void)state;
    memset(value, '"', sizeof value);
    buf_init(&b);
    buf_init(&out);
    put_sample(&b);
    assert_int_equal(request_view_read(&v, buf_view(&b), NULL), 0);
    vault_value = (struct bytes){value, sizeof value};
    buf_append_str(&out, "before");
    assert_int_equal(request_fill(&out, &v.body, &vault, NULL), 0);
    assert_int_equal(out.len, 6 + 6 + 2 * sizeof value + 2);
    assert_memory_equal(out.data, "before{\"a\":\"\\\"", 14);
    buf_fini(&out);
    buf_fini(&b);
}

static void check_refused(int rc, const struct err *e)
{
    assert_int_equal(rc, -1);
    assert_int_equal(e->domain, ERR_INPUT);
    assert_int_equal(e->code, 422);
}

static void bounds_are_checked_while_writing(void **state)
{
    static char long_text[70000];
    static struct request_piece many[65537];
    struct request_options o = sample_options();
    struct buf b;
    struct err e;
    (void)state;
    buf_init(&b);
    memset(long_text, 'a', sizeof long_text);
    struct request_piece huge = {.literal = {long_text, (size_t)UINT32_MAX + 1}},
                         half = {.literal = {long_text, 1u << 31}};
    struct request_piece long_name = {.secret = {long_text, 65536}};
    for (size_t i = 0; i < 65537; i++)
        many[i] = slot("S", SLOT_RAW);
    check_refused(request_put_body(&b, TEXT(huge), &e), &e);
    check_refused(request_put_body(&b, TEXT(half, half), &e), &e);
    check_refused(request_put_url(&b, TEXT(long_name), &e), &e);
    check_refused(request_put_url(&b, TEXT(slot("", SLOT_RAW)), &e), &e);
    check_refused(request_put_url(&b, TEXT(slot("a\nb", SLOT_RAW)), &e), &e);
    check_refused(request_put_url(&b, TEXT(slot("a", (enum slot_encoding)9)), &e), &e);
    check_refused(request_put_body(&b, (struct request_text){many, 65536}, &e), &e);
    check_refused(request_put_header_count(&b, REQUEST_HEADERS_MAX + 1, &e), &e);
    check_refused(request_put_header(&b, (struct bytes){long_text, 65536}, TEXT(lit("v")), &e), &e);
    check_refused(request_put_header(&b, bytes_of(""), TEXT(lit("v")), &e), &e);
    check_refused(request_put_header(&b, bytes_of("a b"), TEXT(lit("v")), &e), &e);
    check_refused(request_put_header(&b, bytes_of("a:"), TEXT(lit("v")), &e), &e);
    check_refused(request_put_header(&b, bytes_of("a"), TEXT(lit("v\r\nEvil: 1")), &e), &e);
    check_refused(request_put_head(&b, &o, (struct bytes){long_text, 256}, &e), &e);
    check_refused(request_put_head(&b, &o, bytes_of("GE T"), &e), &e);
    check_refused(request_put_head(&b, &o, bytes_of(""), &e), &e);
    o.retry.delay_count = RETRY_DELAYS_MAX + 1;
    check_refused(request_put_head(&b, &o, bytes_of("GET"), &e), &e);
    assert_int_equal(b.len, 0);
    assert_int_equal(request_put_body(&b, (struct request_text){many, 65535}, &e), 0);
    buf_fini(&b);
}

static void all_limits_at_once_read_back(void **state)
{
    struct request_options o = sample_options();
    struct request_view v;
    struct buf b;
    (void)state;
    buf_init(&b);
    o.retry.delay_count = RETRY_DELAYS_MAX;
    o.retry.code_count = RETRY_CODES_MAX;
    o.retry.codes[RETRY_CODES_MAX - 1] = 599;
    o.retry.delays_ms[RETRY_DELAYS_MAX - 1] = UINT32_MAX;
    assert_int_equal(request_put_head(&b, &o, bytes_of("PATCH"), NULL), 0);
    assert_int_equal(request_put_url(&b, TEXT(lit("u")), NULL), 0);
    assert_int_equal(request_put_header_count(&b, REQUEST_HEADERS_MAX, NULL), 0);
    for (int i = 0; i < REQUEST_HEADERS_MAX; i++)
        assert_int_equal(request_put_header(&b, bytes_of("h"), TEXT(lit("v")), NULL), 0);
    assert_int_equal(request_put_body(&b, (struct request_text){0}, NULL), 0);
    assert_int_equal(request_view_read(&v, buf_view(&b), NULL), 0);
    assert_int_equal(v.options.retry.codes[RETRY_CODES_MAX - 1], 599);
    assert_int_equal(v.options.retry.delays_ms[RETRY_DELAYS_MAX - 1], UINT32_MAX);
    assert_int_equal(v.header_count, REQUEST_HEADERS_MAX);
    buf_append_char(&b, 'x');
    assert_int_equal(request_view_read(&v, buf_view(&b), NULL), -1);
    buf_fini(&b);
}

static void use(const struct request_view_text *text)
{
    struct buf b;
    buf_init(&b);
    (void)request_fill(&b, text, &vault, NULL);
    buf_clear(&b);
    assert_int_equal(request_masked(&b, text), 0);
    buf_fini(&b);
}

/* Reads bytes from memory of exactly their size, so that the sanitizer sees one byte too far. */
static int read_and_use(const char *data, size_t len)
{
    struct request_view v;
    struct request_options o;
    struct err e = {0};
    char *exact = malloc(len == 0 ? 1 : len);
    assert_non_null(exact);
    memcpy(exact, data, len);
    (void)request_options_read(&o, (struct bytes){exact, len}, &e);
    int rc = request_view_read(&v, (struct bytes){exact, len}, &e);
    if (rc == 0) {
        use(&v.url);
        use(&v.body);
        for (int i = 0; i < v.header_count; i++)
            use(&v.headers[i].value);
    } else
        assert_int_equal(e.domain, ERR_STORE);
    free(exact);
    return rc;
}

static void every_truncation_is_refused(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b);
    put_sample(&b);
    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(read_and_use(b.data, len), -1);
    assert_int_equal(read_and_use(b.data, b.len), 0);
    assert_int_equal(request_view_read(&(struct request_view){0}, (struct bytes){0}, NULL), -1);
    buf_fini(&b);
}

static void damaged_bytes_never_harm(void **state)
{
    struct buf b;
    char copy[1024];
    (void)state;
    buf_init(&b);
    put_sample(&b);
    assert_true(b.len < sizeof copy);
    vault_value = bytes_of("v\"<");
    srand(5);
    for (int round = 0; round < 100000; round++) {
        memcpy(copy, b.data, b.len);
        for (int flips = 1 + rand() % 4; flips > 0; flips--)
            copy[(size_t)rand() % b.len] = (char)(rand() % 3 == 0 ? 0xFF : rand());
        (void)read_and_use(copy, b.len);
    }
    buf_fini(&b);
}

static void another_format_is_refused(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b);
    put_sample(&b);
    b.data[0] = 2;
    assert_int_equal(read_and_use(b.data, b.len), -1);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_reads_back),
        cmocka_unit_test(signatures_are_made_while_filling),
        cmocka_unit_test(every_place_gets_its_encoding),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(raw_in_a_header_is_checked_all_the_same),
        cmocka_unit_test(long_values_fill_whole),
        cmocka_unit_test(bounds_are_checked_while_writing),
        cmocka_unit_test(all_limits_at_once_read_back),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(damaged_bytes_never_harm),
        cmocka_unit_test(another_format_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
