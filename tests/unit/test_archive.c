/* The text of scripts in one run of bytes: as it was, damaged, and loaded again without its files. */
#include "folder.h"

#include <sys/stat.h>

#include "script/archive.h"
#include "script/generation.h"

static struct err e;
static struct buf archive, errors;

static int setup(void **state)
{
    (void)state;
    unsetenv("ANZOL_STDLIB");
    return folder_make("archive");
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&archive);
    buf_fini(&errors);
    return folder_remove();
}

/* The scripts in the folder, in `l`. */
static void load_folder(struct load *l)
{
    const char *paths[] = {dir};
    load_init(l);
    assert_int_equal(load_paths(l, paths, 1, &errors, &e), 0);
}

static void write_archive(const struct load *l)
{
    buf_clear(&archive);
    assert_int_equal(archive_write(l, &archive, &e), 0);
}

static int read_archive(struct load *l, struct bytes bytes)
{
    load_init(l);
    err_clear(&e);
    return archive_read(l, bytes, &e);
}

static void assert_files(const struct load_file *a, size_t an, const struct load_file *b, size_t bn)
{
    assert_int_equal(an, bn);
    for (size_t i = 0; i < an; i++) {
        assert_string_equal(a[i].path, b[i].path);
        assert_int_equal(a[i].text.len, b[i].text.len);
        assert_memory_equal(a[i].text.len == 0 ? "" : a[i].text.data, b[i].text.len == 0 ? "" : b[i].text.data,
                            a[i].text.len);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    struct load l, back;
    write_file("a.lua", "-- ä\n");
    write_file("b.lua", "");
    load_folder(&l);
    assert_int_equal(l.file_count, 2);
    assert_int_equal(load_add_module(&l, "m.lua", (struct bytes){"x\0y", 3}, &e), 0);
    write_archive(&l);
    assert_int_equal(read_archive(&back, buf_view(&archive)), 0);
    assert_true(back.archived);
    assert_int_equal(back.dir_count, l.dir_count);
    assert_string_equal(back.dirs[0], l.dirs[0]);
    assert_files(back.files, back.file_count, l.files, l.file_count);
    assert_files(back.modules, back.module_count, l.modules, l.module_count);
    load_fini(&l);
    load_fini(&back);
}

static void test_empty(void **state)
{
    (void)state;
    struct load l, back;
    load_init(&l);
    write_archive(&l);
    assert_int_equal(read_archive(&back, buf_view(&archive)), 0);
    assert_int_equal(back.file_count + back.dir_count + back.module_count, 0);
    load_fini(&l);
    load_fini(&back);
}

static void hash_now(uint8_t out[ARCHIVE_HASH_SIZE])
{
    struct load l;
    load_folder(&l);
    write_archive(&l);
    assert_int_equal(archive_hash(buf_view(&archive), out, &e), 0);
    load_fini(&l);
}

static void test_hash(void **state)
{
    (void)state;
    uint8_t first[ARCHIVE_HASH_SIZE], other[ARCHIVE_HASH_SIZE];
    write_file("a.lua", "local x = 1\n");
    hash_now(first);
    write_file("a.lua", "local x = 1\n");
    hash_now(other);
    assert_memory_equal(first, other, sizeof first);
    write_file("a.lua", "local x = 2\n");
    hash_now(other);
    assert_memory_not_equal(first, other, sizeof first);
    write_file("a.lua", "local x = 1\n");
    assert_int_equal(rename(path_of("b.lua"), path_of("c.lua")), 0);
    hash_now(other);
    assert_memory_not_equal(first, other, sizeof first);
    assert_int_equal(rename(path_of("c.lua"), path_of("b.lua")), 0);
    hash_now(other);
    assert_memory_equal(first, other, sizeof first);
}

/* Bytes at the end of an allocation, so that one read too many is seen by the sanitizers. */
static char *tight(struct bytes v, size_t len)
{
    char *copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, v.data, len);
    return copy;
}

static void test_every_prefix_is_refused(void **state)
{
    (void)state;
    struct load l;
    write_file("a.lua", "local x = 1\n");
    load_folder(&l);
    assert_int_equal(load_add_module(&l, "m.lua", bytes_of("return 5"), &e), 0);
    write_archive(&l);
    load_fini(&l);
    for (size_t len = 0; len < archive.len; len++) {
        char *copy = tight(buf_view(&archive), len);
        assert_int_equal(read_archive(&l, (struct bytes){copy, len}), -1);
        assert_int_equal(e.domain, ERR_SCRIPT);
        assert_non_null(strstr(e.message, "the stored scripts are damaged"));
        load_fini(&l);
        free(copy);
    }
    buf_append_char(&archive, '\0');
    assert_int_equal(read_archive(&l, buf_view(&archive)), -1);
    assert_string_equal(e.message, "the stored scripts are damaged");
    load_fini(&l);
}

/* Whatever a byte becomes: read as something, or refused; never beyond its end. */
static void test_every_byte_changed(void **state)
{
    (void)state;
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    struct load l;
    load_folder(&l);
    write_archive(&l);
    load_fini(&l);
    for (size_t i = 0; i < archive.len; i++)
        for (size_t v = 0; v < sizeof values; v++) {
            char *copy = tight(buf_view(&archive), archive.len);
            copy[i] = (char)values[v];
            (void)read_archive(&l, (struct bytes){copy, archive.len});
            load_fini(&l);
            free(copy);
        }
    char *copy = tight(buf_view(&archive), archive.len);
    copy[0] = 2;
    assert_int_equal(read_archive(&l, (struct bytes){copy, archive.len}), -1);
    assert_string_equal(e.message, "the stored scripts are damaged, or of a newer anzol");
    load_fini(&l);
    free(copy);
}

static int load_generation(const struct generation_options *o, struct generation **g)
{
    buf_clear(&errors);
    return generation_load(o, g, &errors, &e);
}

static void test_a_generation_without_its_files(void **state)
{
    (void)state;
    char main_path[128];
    const char *paths[] = {main_path};
    struct generation *g, *back, *third;
    struct buf list = {0}, other = {0};
    snprintf(main_path, sizeof main_path, "%s/main.lua", dir);
    write_file("main.lua", "local m = require 'lib.m'\n"
                           "integration 'i' { url = m.url }\n"
                           "flow(m.name, { on = 'e', run = function() return m.url end })\n");
    assert_int_equal(mkdir(path_of("lib"), 0700), 0);
    write_file("lib/m.lua", "return { url = 'http://h.test/', name = require 'lib.name' }\n");
    write_file("lib/name.lua", "return 'checkout'\n");
    struct generation_options o = {.paths = paths, .path_count = 1};
    if (load_generation(&o, &g) != 0)
        fail_msg("%s", buf_cstr(&errors));
    assert_int_equal(generation_hash(g).len, ARCHIVE_HASH_SIZE);

    assert_int_equal(unlink(path_of("main.lua")), 0);
    assert_int_equal(unlink(path_of("lib/m.lua")), 0);
    assert_int_equal(unlink(path_of("lib/name.lua")), 0);
    assert_int_equal(rmdir(path_of("lib")), 0);
    struct generation_options stored = {.archive = generation_archive(g)};
    if (load_generation(&stored, &back) != 0)
        fail_msg("%s", buf_cstr(&errors));
    assert_int_equal(generation_flow_count(back), 1);
    assert_memory_equal(generation_hash(back).data, generation_hash(g).data, ARCHIVE_HASH_SIZE);
    assert_int_equal(generation_list(g, "flows", &list, &e), 0);
    assert_int_equal(generation_list(back, "flows", &other, &e), 0);
    assert_string_equal(buf_cstr(&list), buf_cstr(&other));

    struct generation_options damaged = {.archive = {generation_archive(g).data, generation_archive(g).len - 1}};
    assert_int_equal(load_generation(&damaged, &third), -1);
    assert_string_equal(e.message, "the stored scripts are damaged");
    generation_unref(back);
    generation_unref(g);
    buf_fini(&list);
    buf_fini(&other);
}

/* A file that lies there now is no part of what was stored. */
static void test_no_other_file_is_read(void **state)
{
    (void)state;
    char late_path[128];
    const char *paths[] = {late_path};
    struct generation *g, *back;
    snprintf(late_path, sizeof late_path, "%s/late.lua", dir);
    write_file("late.lua", "if not pcall(require, 'later') then require 'early' end\n");
    write_file("early.lua", "return 1\n");
    struct generation_options o = {.paths = paths, .path_count = 1};
    if (load_generation(&o, &g) != 0)
        fail_msg("%s", buf_cstr(&errors));
    write_file("later.lua", "error 'read'\n");
    write_file("early.lua", "error 'changed'\n");
    struct generation_options stored = {.archive = generation_archive(g)};
    if (load_generation(&stored, &back) != 0)
        fail_msg("%s", buf_cstr(&errors));
    generation_unref(back);
    generation_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_a_generation_without_its_files),
        cmocka_unit_test(test_no_other_file_is_read),
    };
    return cmocka_run_group_tests_name("archive", tests, setup, teardown);
}
