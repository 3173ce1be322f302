/* One expectation for each row of the table: a row that is added or changed without one here fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/curl_errors.h"

#define NEVER ATTEMPT_NEVER_LEFT
#define MAYBE ATTEMPT_AMBIGUOUS
#define FINAL ATTEMPT_PERMANENT

static const struct {
    CURLcode code;
    enum attempt_error unsent_error;
    enum attempt_class unsent_class;
    enum attempt_error sent_error;
    enum attempt_class sent_class;
} expected[] = {
    {CURLE_COULDNT_RESOLVE_HOST, ATTEMPT_DNS, NEVER, ATTEMPT_DNS, MAYBE},
    {CURLE_COULDNT_RESOLVE_PROXY, ATTEMPT_DNS, NEVER, ATTEMPT_DNS, MAYBE},
    {CURLE_COULDNT_CONNECT, ATTEMPT_CONNECT, NEVER, ATTEMPT_CONNECT, MAYBE},
    {CURLE_INTERFACE_FAILED, ATTEMPT_CONNECT, NEVER, ATTEMPT_CONNECT, MAYBE},
    {CURLE_NO_CONNECTION_AVAILABLE, ATTEMPT_CONNECT, NEVER, ATTEMPT_CONNECT, MAYBE},
    {CURLE_OPERATION_TIMEDOUT, ATTEMPT_CONNECT, NEVER, ATTEMPT_TIMEOUT, MAYBE},
    {CURLE_SSL_CONNECT_ERROR, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE},
    {CURLE_PEER_FAILED_VERIFICATION, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE},
    {CURLE_SSL_ISSUER_ERROR, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE},
    {CURLE_SSL_INVALIDCERTSTATUS, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE},
    {CURLE_SSL_CERTPROBLEM, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE},
    {CURLE_SSL_CACERT_BADFILE, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE},
    {CURLE_SSL_CIPHER, ATTEMPT_TLS, NEVER, ATTEMPT_TLS, MAYBE},
    {CURLE_SEND_ERROR, ATTEMPT_RESET, NEVER, ATTEMPT_RESET, MAYBE},
    {CURLE_SEND_FAIL_REWIND, ATTEMPT_RESET, NEVER, ATTEMPT_RESET, MAYBE},
    {CURLE_RECV_ERROR, ATTEMPT_TLS, NEVER, ATTEMPT_RESET, MAYBE},
    {CURLE_GOT_NOTHING, ATTEMPT_RESET, NEVER, ATTEMPT_RESET, MAYBE},
    {CURLE_PARTIAL_FILE, ATTEMPT_RESET, NEVER, ATTEMPT_RESET, MAYBE},
    {CURLE_ABORTED_BY_CALLBACK, ATTEMPT_RESET, NEVER, ATTEMPT_RESET, MAYBE},
    {CURLE_WEIRD_SERVER_REPLY, ATTEMPT_PROTOCOL, NEVER, ATTEMPT_PROTOCOL, MAYBE},
    {CURLE_UNSUPPORTED_PROTOCOL, ATTEMPT_REQUEST, FINAL, ATTEMPT_PROTOCOL, MAYBE},
    {CURLE_HTTP2, ATTEMPT_PROTOCOL, NEVER, ATTEMPT_PROTOCOL, MAYBE},
    {CURLE_BAD_CONTENT_ENCODING, ATTEMPT_PROTOCOL, NEVER, ATTEMPT_PROTOCOL, MAYBE},
    {CURLE_URL_MALFORMAT, ATTEMPT_REQUEST, FINAL, ATTEMPT_REDIRECT, FINAL},
    {CURLE_TOO_MANY_REDIRECTS, ATTEMPT_REDIRECT, FINAL, ATTEMPT_REDIRECT, FINAL},
    {CURLE_WRITE_ERROR, ATTEMPT_INTERNAL, NEVER, ATTEMPT_INTERNAL, MAYBE},
    {CURLE_OUT_OF_MEMORY, ATTEMPT_INTERNAL, NEVER, ATTEMPT_INTERNAL, MAYBE},
    {CURLE_FAILED_INIT, ATTEMPT_INTERNAL, NEVER, ATTEMPT_INTERNAL, MAYBE},
    {CURLE_BAD_FUNCTION_ARGUMENT, ATTEMPT_REQUEST, FINAL, ATTEMPT_INTERNAL, MAYBE},
};
enum { EXPECTED = sizeof expected / sizeof *expected };

static void test_each_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXPECTED; i++) {
        const struct curl_failure *f = curl_failure_of(expected[i].code);
        assert_int_equal(f->code, expected[i].code);
        assert_int_equal(f->unsent_error, expected[i].unsent_error);
        assert_int_equal(f->unsent_class, expected[i].unsent_class);
        assert_int_equal(f->sent_error, expected[i].sent_error);
        assert_int_equal(f->sent_class, expected[i].sent_class);
        assert_true(f->words[0] != '\0');
    }
}

static void test_no_row_is_without_an_expectation_or_stands_twice(void **state)
{
    (void)state;
    assert_int_equal(curl_failure_count, EXPECTED);
    for (size_t i = 0; i < curl_failure_count; i++)
        assert_ptr_equal(curl_failure_of(curl_failures[i].code), &curl_failures[i]);
}

static void test_nothing_sent_is_ever_called_safe(void **state)
{
    (void)state;
    for (int code = 1; code < CURL_LAST; code++) {
        const struct curl_failure *f = curl_failure_of((CURLcode)code);
        assert_int_not_equal(f->sent_class, ATTEMPT_NEVER_LEFT);
        assert_int_not_equal(f->unsent_class, ATTEMPT_AMBIGUOUS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row),
        cmocka_unit_test(test_no_row_is_without_an_expectation_or_stands_twice),
        cmocka_unit_test(test_nothing_sent_is_ever_called_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
