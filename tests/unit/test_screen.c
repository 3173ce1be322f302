/* Where libedit draws, and what candidates have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/candidates.h"
#include "cli/screen.h"

#include <jansson.h>
#include <locale.h>

enum { PROMPT = 2 };

static int row_at_end(const struct screen *s, const wchar_t *line)
{
    return screen_row(s, PROMPT, line, wcslen(line));
}

static void test_rows(void **ud)
{
    (void)ud;
    const struct screen s = {10, 24};
    assert_int_equal(row_at_end(&s, L""), 0);
    assert_int_equal(row_at_end(&s, L"1234567"), 0);
    assert_int_equal(row_at_end(&s, L"12345678"), 1); /* the cursor stands in the next */
    assert_int_equal(row_at_end(&s, L"123456781234567890"), 2);
    assert_int_equal(screen_row(&s, PROMPT, L"123456781234567890", 7), 0);
    assert_int_equal(screen_row(&s, PROMPT, L"123456781234567890", 8), 1);
}

static void test_characters_that_are_not_one_column(void **ud)
{
    (void)ud;
    const struct screen s = {10, 24};
    assert_int_equal(row_at_end(&s, L"日本語"), 0);
    assert_int_equal(row_at_end(&s, L"日本語日"), 1);
    assert_int_equal(row_at_end(&s, L"1日本語"), 0);
    assert_int_equal(row_at_end(&s, L"1日本語日1234567"), 1); /* one column stays free */
    assert_int_equal(row_at_end(&s, L"1日本語日12345678"), 2);
    assert_int_equal(screen_row(&s, PROMPT, L"1日本語日", 4), 1);
    assert_int_equal(row_at_end(&s, L"\t"), 0);
    assert_int_equal(row_at_end(&s, L"\t12"), 1);
    assert_int_equal(row_at_end(&s, L"123456\x01"), 1);
    assert_int_equal(row_at_end(&s, L"\n\n1"), 2);
    assert_int_equal(row_at_end(&s, L"12345678\n"), 2);
}

static void test_a_line_higher_than_the_terminal(void **ud)
{
    (void)ud;
    const struct screen s = {10, 3};
    assert_int_equal(row_at_end(&s, L"\n\n\n\n\n"), 2);
    assert_int_equal(row_at_end(&s, L"123456781234567890123456789012345"), 2);
}

static void expect_common(const char *answer, size_t cursor, size_t count, size_t from, const char *common)
{
    struct candidates c;
    json_t *root = json_loads(answer, JSON_ALLOW_NUL, NULL);
    assert_non_null(root);
    candidates_init(&c, root, cursor);
    assert_int_equal(candidates_count(&c), count);
    assert_int_equal(c.from, from);
    struct bytes found = candidates_common(&c);
    assert_true(bytes_equal(found, bytes_of(common)));
    candidates_fini(&c);
    json_decref(root);
}

static void test_common(void **ud)
{
    (void)ud;
    expect_common("{\"from\":2,\"items\":[\"webhooks()\",\"webhook_of()\"]}", 5, 2, 2, "webhook");
    expect_common("{\"from\":2,\"items\":[\"one\"]}", 5, 1, 2, "one");
    expect_common("{\"from\":2,\"items\":[\"a\",\"b\"]}", 5, 2, 2, "");
    expect_common("{\"from\":2,\"items\":[]}", 5, 0, 2, "");
    expect_common("{\"from\":0,\"items\":[\"aä1\",\"aö1\"]}", 0, 2, 0, "a");
    expect_common("{\"from\":0,\"items\":[\"aä\",\"aä1\"]}", 0, 2, 0, "aä");
}

static void test_an_answer_that_holds_anything(void **ud)
{
    (void)ud;
    expect_common("{}", 5, 0, 0, "");
    expect_common("{\"from\":-1,\"items\":[\"x\"]}", 5, 1, 5, "x");
    expect_common("{\"from\":6,\"items\":[\"x\"]}", 5, 1, 5, "x");
    expect_common("{\"from\":\"1\",\"items\":{\"x\":1}}", 5, 0, 0, "");
    expect_common("{\"from\":0,\"items\":[1,null,\"\",\"a\\u001b\",\"a\\nb\",\"a\\u0000b\",\"ok\"]}", 5, 1, 0, "ok");
}

static void test_columns(void **ud)
{
    (void)ud;
    struct candidates c;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    json_t *root = json_loads("{\"items\":[\"a\",\"日本\",\"c\",\"dd\",\"e\"]}", 0, NULL);
    assert_non_null(out);
    candidates_init(&c, root, 0);
    candidates_print(&c, 17, out);
    candidates_print(&c, 1, out);
    fclose(out);
    assert_string_equal(text, "a     c     e\n日本  dd\n"
                              "a\n日本\nc\ndd\ne\n");
    free(text);
    candidates_fini(&c);
    json_decref(root);
}

int main(void)
{
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_characters_that_are_not_one_column),
        cmocka_unit_test(test_a_line_higher_than_the_terminal),
        cmocka_unit_test(test_common),
        cmocka_unit_test(test_an_answer_that_holds_anything),
        cmocka_unit_test(test_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
