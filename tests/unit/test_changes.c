/* changes and seen: what a reload would make different, and whether there is a reason for one. */
#include "folder.h"

#include "script/changes.h"
#include "script/generation.h"
#include "script/seen.h"

#include <sys/stat.h>

static struct buf errors;
static struct err e;
static struct seen seen;

static int setup(void **state)
{
    (void)state;
    buf_init(&errors);
    seen_init(&seen);
    return folder_make("changes");
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&errors);
    seen_fini(&seen);
    return folder_remove();
}

static int load(struct generation **g)
{
    static const char *paths[1];
    paths[0] = dir;
    buf_clear(&errors);
    return generation_load(&(struct generation_options){.paths = paths, .path_count = 1, .seen = &seen}, g, &errors,
                           &e);
}

static struct generation *good(void)
{
    struct generation *g = NULL;
    if (load(&g) != 0)
        fail_msg("%s", e.message);
    return g;
}

static struct generation *with(const char *text)
{
    write_file("a.lua", text);
    return good();
}

/* What the two say of each other; takes both. */
static const char *between(struct generation *a, struct generation *b)
{
    static char out[256];
    struct changes c;
    struct buf text;
    changes_init(&c);
    buf_init(&text);
    assert_int_equal(changes_between(&c, a, b), 0);
    changes_describe(&c, &text);
    snprintf(out, sizeof out, "%s|%.*s", buf_cstr(&text), (int)c.of[CHANGES_WEBHOOKS].changed.lines.len,
             c.of[CHANGES_WEBHOOKS].changed.lines.len == 0 ? "" : c.of[CHANGES_WEBHOOKS].changed.lines.data);
    buf_fini(&text);
    changes_fini(&c);
    generation_unref(a);
    generation_unref(b);
    return out;
}

#define SHOP    "integration 'i' { url = 'http://h.test' }\n"
#define W(n, f) "webhook '" n "' { integration = 'i', " f " }\n"

static void definitions_are_compared_by_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *said;
    } cases[] = {
        {SHOP, SHOP, "no definition changed|"},
        {SHOP, SHOP W("w", ""), "+1 webhook, ~0, -0|"},
        {SHOP W("a", "") W("b", "") W("c", ""), SHOP W("b", "url = 'x'") W("d", "") W("e", ""),
         "+2 webhooks, ~1, -2|b\n"},
        {SHOP W("w", "body = { a = 1, b = { 2, 3 } }"), SHOP W("w", "body = { b = { 2, 3 }, a = 1 }"),
         "no definition changed|"},
        {SHOP W("w", "body = { a = 1 }"), SHOP W("w", "body = { a = 1.0 }"), "+0 webhooks, ~1, -0|w\n"},
        {SHOP W("w", "body = { a = '1' }"), SHOP W("w", "body = { a = 1 }"), "+0 webhooks, ~1, -0|w\n"},
        {SHOP W("w", "body = each('x in Xs', '${x}')"), SHOP W("w", "body = each('x in Ys', '${x}')"),
         "+0 webhooks, ~1, -0|w\n"},
        {SHOP W("w", "headers = { A = 'x', B = 'y' }"), SHOP W("w", "headers = { B = 'y', A = 'x' }"),
         "no definition changed|"},
        {SHOP W("w", "headers = { A = 'x' }"), SHOP W("w", "headers = { A = false }"), "+0 webhooks, ~1, -0|w\n"},
        {SHOP W("w", "body = function(d) return { a = 1 } end"),
         "\n\n" SHOP W("w", "body = function(d) return { a = 1 } end"), "no definition changed|"},
        {SHOP W("w", "body = function(d) return { a = 1 } end"), SHOP W("w", "body = function(d) return { a = 2 } end"),
         "+0 webhooks, ~1, -0|w\n"},
        {"local v = { 1 }\n" SHOP W("w", "body = function(d) return v end"),
         "local v = { 2 }\n" SHOP W("w", "body = function(d) return v end"), "+0 webhooks, ~1, -0|w\n"},
        {"local function f() return 1 end\n" SHOP W("w", "body = function(d) return { f() } end"),
         "local function f() return 2 end\n" SHOP W("w", "body = function(d) return { f() } end"),
         "+0 webhooks, ~1, -0|w\n"},
        {"local t = {} t.t = t\n" SHOP W("w", "body = function(d) return t end"),
         "local t = {} t.t = t\n" SHOP W("w", "body = function(d) return t end"), "no definition changed|"},
        {"local t = {} for i = 1, 1e5 do t[i] = i end\n" SHOP W("w", "body = function(d) return t end"),
         "local t = {} for i = 1, 1e5 do t[i] = i end\n" SHOP W("w", "body = function(d) return t end"),
         "no definition changed|"},
        {"local t = { [1] = 'a', [2.5] = 'b', [true] = 'c', x = 'd' }\n" SHOP W("w", "body = function(d) return t end"),
         "local t = { x = 'd', [true] = 'c', [2.5] = 'b', [1] = 'a' }\n" SHOP W("w", "body = function(d) return t end"),
         "no definition changed|"},
        {"local t = { [1] = 'a', [2.5] = 'b' }\n" SHOP W("w", "body = function(d) return t end"),
         "local t = { [1] = 'a', [2.75] = 'b' }\n" SHOP W("w", "body = function(d) return t end"),
         "+0 webhooks, ~1, -0|w\n"},
        {SHOP "flow 'f' { on = 'e', run = function() end }", "integration 'i' { url = 'http://h.test', rate = 1 }",
         "+0 integrations, ~1, -0; +0 flows, ~0, -1|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct generation *a = with(cases[i].before);
        assert_string_equal(between(a, with(cases[i].after)), cases[i].said);
    }
}

static void the_first_one_is_all_new(void **state)
{
    (void)state;
    struct generation *g = with(SHOP W("w", ""));
    struct changes c;
    changes_init(&c);
    assert_int_equal(changes_between(&c, NULL, g), 0);
    assert_int_equal(c.of[CHANGES_WEBHOOKS].added.count, 1);
    assert_int_equal(c.of[CHANGES_INTEGRATIONS].added.count, 1);
    assert_false(changes_none(&c));
    changes_fini(&c);
    generation_unref(g);
}

static bool changed(void)
{
    bool is;
    assert_int_equal(seen_look(&seen, (const char *const[]){dir}, 1, &is, &e), 0);
    return is;
}

static void other_text_is_a_reason_to_load(void **state)
{
    (void)state;
    assert_true(changed()); /* nothing was read yet */
    generation_unref(with(SHOP));
    assert_false(changed());
    write_file("a.lua", SHOP);
    assert_false(changed());
    write_file("a.lua", SHOP " ");
    assert_true(changed());
    generation_unref(good());
    write_file("b.lua", "");
    assert_true(changed());
    generation_unref(good());
    write_file("c.txt", "no script");
    assert_false(changed());
    assert_int_equal(unlink(path_of("b.lua")), 0);
    assert_true(changed());
}

static void modules_are_part_of_it(void **state)
{
    (void)state;
    struct generation *g = NULL;
    write_file("a.lua", "require 'lib.m'\n" SHOP);
    assert_int_equal(load(&g), -1);
    assert_false(changed()); /* what was missing is missing */
    assert_int_equal(mkdir(path_of("lib"), 0700), 0);
    assert_false(changed());
    write_file("lib/m.lua", "return 1");
    assert_true(changed());
    generation_unref(good());
    assert_false(changed());
    write_file("lib/m.lua", "return 2");
    assert_true(changed());
    generation_unref(good());
    write_file("lib/other.lua", "return 2");
    assert_false(changed());
}

static void what_cannot_be_read_is_part_of_it(void **state)
{
    (void)state;
    struct generation *g = NULL;
    char gone[80];
    generation_unref(with(SHOP));
    snprintf(gone, sizeof gone, "%s.gone", dir);
    assert_int_equal(rename(dir, gone), 0);
    assert_true(changed());
    assert_int_equal(load(&g), -1);
    assert_false(changed());
    assert_int_equal(rename(gone, dir), 0);
    assert_true(changed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(definitions_are_compared_by_what_they_say, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_one_is_all_new, setup, teardown),
        cmocka_unit_test_setup_teardown(other_text_is_a_reason_to_load, setup, teardown),
        cmocka_unit_test_setup_teardown(modules_are_part_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_part_of_it, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
