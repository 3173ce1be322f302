#include "core/base64.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

static void check(struct bytes value, size_t lead, enum base64_alphabet alphabet, const char *want)
{
    char text[64];
    size_t n = base64_encode(text, value, lead, alphabet);
    assert_int_equal(n, strlen(want));
    assert_int_equal(n, base64_size(value.len + lead));
    assert_memory_equal(text, want, n);
}

static void rfc_4648_vectors(void **state)
{
    (void)state;
    check(bytes_of(""), 0, BASE64_STANDARD, "");
    check(bytes_of("f"), 0, BASE64_STANDARD, "Zg==");
    check(bytes_of("fo"), 0, BASE64_STANDARD, "Zm8=");
    check(bytes_of("foo"), 0, BASE64_STANDARD, "Zm9v");
    check(bytes_of("foob"), 0, BASE64_STANDARD, "Zm9vYg==");
    check(bytes_of("fooba"), 0, BASE64_STANDARD, "Zm9vYmE=");
    check(bytes_of("foobar"), 0, BASE64_STANDARD, "Zm9vYmFy");
}

static void alphabets_and_lead(void **state)
{
    (void)state;
    check(bytes_of("\xFB\xEF\xFF"), 0, BASE64_STANDARD, "++//");
    check(bytes_of("\xFB\xEF\xFF"), 0, BASE64_URL, "--__");
    check(bytes_of("foo"), 1, BASE64_STANDARD, "AGZvbw==");
    check(bytes_of("foo"), 2, BASE64_STANDARD, "AABmb28=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_4648_vectors),
        cmocka_unit_test(alphabets_and_lead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
