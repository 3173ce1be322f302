#include "core/slab.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

enum { REGION = 1 << 16, HELD = 400, ROUNDS = 100000, LARGE = 3 * SLAB_MAX };

static struct slab slab;

static bool is_in_region(const void *block)
{
    const char *p = block;
    return p >= slab.region && p < slab.end;
}

static void small_blocks_come_from_the_region(void **state)
{
    (void)state;
    slab_init(&slab, REGION);
    char *small = slab_resize(&slab, NULL, 0, 1), *largest = slab_resize(&slab, NULL, 0, SLAB_MAX);
    char *too_large = slab_resize(&slab, NULL, 0, SLAB_MAX + 1);
    assert_true(is_in_region(small) && is_in_region(largest) && !is_in_region(too_large));
    assert_int_equal((uintptr_t)small % SLAB_STEP, 0);
    slab_give(&slab, too_large, SLAB_MAX + 1);
    slab_give(&slab, NULL, 0);
    slab_fini(&slab);
}

static void a_block_given_back_is_used_again(void **state)
{
    (void)state;
    slab_init(&slab, REGION);
    void *block = slab_resize(&slab, NULL, 0, 40);
    slab_give(&slab, block, 40);
    assert_ptr_equal(slab_resize(&slab, NULL, 0, 33), block);
    assert_ptr_equal(slab_resize(&slab, block, 33, 48), block);
    assert_ptr_not_equal(slab_resize(&slab, block, 48, 49), block);
    assert_ptr_equal(slab_resize(&slab, NULL, 0, 48), block);
    slab_fini(&slab);
}

static void without_a_region_all_is_as_with_malloc(void **state)
{
    (void)state;
    slab_init(&slab, 0);
    char *block = slab_resize(&slab, NULL, 0, 10);
    strcpy(block, "123456789");
    block = slab_resize(&slab, block, 10, LARGE);
    assert_string_equal(block, "123456789");
    slab_give(&slab, block, LARGE);
    slab_fini(&slab);
}

struct held {
    unsigned char *block;
    size_t size;
    unsigned char filled;
};

static void check_and_fill(struct held *h, size_t kept, unsigned char with)
{
    for (size_t i = 0; i < kept; i++)
        assert_int_equal(h->block[i], h->filled);
    memset(h->block, with, h->size);
    h->filled = with;
}

/* More than the region holds: some are malloc()'s. */
static void blocks_of_any_size_keep_what_is_in_them(void **state)
{
    static struct held held[HELD];
    (void)state;
    srand(7);
    slab_init(&slab, REGION);
    for (int i = 0; i < ROUNDS; i++) {
        struct held *h = &held[rand() % HELD];
        size_t size = (size_t)rand() % LARGE, old = h->size;
        if (size == 0) {
            slab_give(&slab, h->block, old);
            *h = (struct held){.size = 0};
            continue;
        }
        h->block = slab_resize(&slab, h->block, old, size);
        assert_non_null(h->block);
        h->size = size;
        check_and_fill(h, old < size ? old : size, (unsigned char)i);
    }
    for (size_t i = 0; i < HELD; i++)
        slab_give(&slab, held[i].block, held[i].size);
    slab_fini(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_blocks_come_from_the_region),
        cmocka_unit_test(a_block_given_back_is_used_again),
        cmocka_unit_test(without_a_region_all_is_as_with_malloc),
        cmocka_unit_test(blocks_of_any_size_keep_what_is_in_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
