#include "core/uuid.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

static const uint8_t ones[10] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
static const uint8_t zeros[10];

static int64_t time_of(const struct uuid *u)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | u->b[i];
    return ms;
}

static void layout_is_version_7(void **state)
{
    struct uuid_source s = {0};
    char text[UUID_TEXT_SIZE];
    (void)state;
    struct uuid u = uuid_next(&s, 0x017F22E279B0, ones);
    uuid_format(&u, text);
    assert_string_equal(text, "017f22e2-79b0-77ff-bfff-ffffffffffff");
    u = uuid_next(&s, 0x017F22E279B1, zeros);
    uuid_format(&u, text);
    assert_string_equal(text, "017f22e2-79b1-7000-8000-000000000000");
}

static void it_only_goes_up(void **state)
{
    struct uuid_source s = {0};
    struct uuid last = uuid_next(&s, 1000, ones);
    (void)state;
    for (int i = 0; i < 30000; i++) { /* past the counter's end, standing still, stepping back, going on */
        int64_t now = i < 10000 ? 1000 : i < 20000 ? 1000 - i : i;
        struct uuid u = uuid_next(&s, now, i % 2 ? ones : zeros);
        assert_true(memcmp(&u, &last, sizeof u) > 0);
        assert_int_equal(u.b[6] >> 4, 7);
        assert_int_equal(u.b[8] >> 6, 2);
        last = u;
    }
    assert_int_equal(time_of(&last), 29999);
}

static void absurd_clocks_do_no_harm(void **state)
{
    struct uuid_source s = {0};
    (void)state;
    struct uuid a = uuid_next(&s, INT64_MIN, zeros);
    struct uuid b = uuid_next(&s, INT64_MAX, zeros);
    assert_true(memcmp(&a, &b, sizeof a) < 0);
    assert_int_equal(time_of(&b), (1LL << 48) - 1);
}

static void text_reads_back(void **state)
{
    struct uuid_source s = {0};
    struct uuid u = uuid_next(&s, 1700000000000, ones), v;
    char text[UUID_TEXT_SIZE];
    (void)state;
    uuid_format(&u, text);
    assert_int_equal(uuid_parse(bytes_of(text), &v), 0);
    assert_memory_equal(&u, &v, sizeof u);
    assert_int_equal(uuid_parse(bytes_of("017F22E2-79B0-77FF-BFFF-FFFFFFFFFFFF"), &v), 0);
    assert_int_equal(v.b[0], 1);
    assert_int_equal(v.b[15], 0xFF);
}

/* Another source's last one: the clock has been set back since. */
static void it_follows_another(void **state)
{
    struct uuid_source a = {0}, b = {0}, c = {0};
    (void)state;
    struct uuid last = uuid_next(&a, 2000, ones), none = {{0}};
    uuid_follow(&b, &last);
    struct uuid u = uuid_next(&b, 1000, zeros);
    assert_true(memcmp(&u, &last, sizeof u) > 0);
    uuid_follow(&c, &none);
    u = uuid_next(&c, 1000, zeros);
    assert_true(memcmp(&u, &last, sizeof u) < 0);
    uuid_follow(&b, &u); /* is below it already */
    u = uuid_next(&b, 1000, zeros);
    assert_true(memcmp(&u, &last, sizeof u) > 0);
}

static void other_text_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "017f22e2-79b0-77ff-bfff-fffffffffff",
        "017f22e2-79b0-77ff-bfff-ffffffffffff0",
        "017f22e2079b0-77ff-bfff-ffffffffffff",
        "017f22e2-79b0-77ff-bfff-fffffffffffg",
        "{17f22e2-79b0-77ff-bfff-ffffffffffff",
        "017f22e279b0-77ff-bfff-ffffffffffff-",
        "017f22e279b077ffbfffffffffffffff",
    };
    struct uuid u;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(uuid_parse(bytes_of(bad[i]), &u), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_version_7),      cmocka_unit_test(it_only_goes_up),
        cmocka_unit_test(absurd_clocks_do_no_harm), cmocka_unit_test(text_reads_back),
        cmocka_unit_test(other_text_is_refused),    cmocka_unit_test(it_follows_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
