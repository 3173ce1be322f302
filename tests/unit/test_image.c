#include "core/image.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Pages of files in memory. */
static long shared_pages(void)
{
    char text[128] = "";
    long all, resident, shared = -1;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_int_equal(sscanf(text, "%ld %ld %ld", &all, &resident, &shared), 3);
    return shared;
}

static void the_program_goes_on_with_less_in_memory(void **state)
{
    static const char constant[] = "unchanged";
    int numbers[] = {3, 1, 2};
    (void)state;
    long before = shared_pages();
    for (int i = 0; i < 3; i++)
        image_let_go();
    assert_true(shared_pages() <= before);
    assert_string_equal(constant, "unchanged");
    qsort(numbers, 3, sizeof *numbers, by_value);
    assert_int_equal(numbers[0] * 100 + numbers[1] * 10 + numbers[2], 123);
    assert_true(fabs(cos(0) - 1) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_goes_on_with_less_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
