/* The head of an answer, line by line. */
#include "core/secrets.h"
#include "net/response.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdlib.h>

static struct attempt a;

static void feed(const char *line)
{
    assert_int_equal(response_header_line(&a, bytes_of(line)), 0);
}

static int setup(void **state)
{
    (void)state;
    attempt_init(&a, 1);
    response_begin(&a);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    attempt_fini(&a);
    return 0;
}

static void interim_answers_are_forgotten(void **state)
{
    (void)state;
    feed("HTTP/1.1 103 Early Hints\r\n");
    feed("Link: x\r\n");
    feed("\r\n");
    assert_int_equal(a.status, 0);
    feed("HTTP/1.1 200 OK\r\n");
    feed("A: 1\r\n");
    feed("  2\r\n");
    assert_int_equal(a.status, 200);
    assert_string_equal(buf_cstr(&a.headers), "A: 1 2\n");
}

/* Such a name cannot be, and libcurl hands the line on: the answer stays what it is. */
static void a_header_undoes_no_status(void **state)
{
    (void)state;
    feed("HTTP/1.1 200 OK\r\n");
    feed("A: 1\r\n");
    feed("HTTP/x: y\r\n");
    assert_int_equal(a.status, 200);
    assert_string_equal(buf_cstr(&a.headers), "A: 1\nHTTP/x: y\n");
}

/* A line that goes on with one that is not kept is not taken for the rest of another. */
static void behind_a_line_without_room_nothing_is_kept(void **state)
{
    (void)state;
    char *big = malloc(RESPONSE_HEADERS_CAP + 1);
    assert_non_null(big);
    memset(big, 'x', RESPONSE_HEADERS_CAP);
    big[RESPONSE_HEADERS_CAP] = '\0';
    feed("HTTP/1.1 429 x\r\n");
    feed("Retry-After: 1\r\n");
    feed(big);
    feed(" 20\r\n");
    feed("B: 2\r\n");
    assert_string_equal(buf_cstr(&a.headers), "Retry-After: 1\n");
    response_begin(&a);
    feed("HTTP/1.1 200 OK\r\n");
    feed("B: 2\r\n");
    assert_string_equal(buf_cstr(&a.headers), "B: 2\n");
    free(big);
}

/* Longer than what is read beyond the cap otherwise, and cut by the cap. */
static void a_long_secret_is_not_kept_in_part(void **state)
{
    enum { LEN = 3 * RESPONSE_MARGIN_MIN, CAP = 100 };
    static char value[LEN], body[CAP / 2 + LEN];
    struct secrets *s = secrets_new(NULL);
    (void)state;
    assert_non_null(s);
    memset(value, 'v', LEN);
    memset(body, ' ', sizeof body);
    memcpy(body + CAP / 2, value, LEN);
    assert_int_equal(secrets_set(s, bytes_of("KEY"), (struct bytes){value, LEN}, NULL), 0);
    assert_int_equal(response_body(&a, CAP, response_margin(s), (struct bytes){body, sizeof body}), 0);
    response_end(&a, s, 0);
    response_cut(&a, CAP);
    assert_int_equal(a.body.len, CAP);
    assert_null(memchr(a.body.data, 'v', CAP));
    secrets_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(interim_answers_are_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(a_header_undoes_no_status, setup, teardown),
        cmocka_unit_test_setup_teardown(behind_a_line_without_room_nothing_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_secret_is_not_kept_in_part, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
