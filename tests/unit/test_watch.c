/* What the watch tells and what it does not, each in real files. */
#include "watch_case.h"

static void file_written(void **state)
{
    (void)state;
    write_file("a.lua", "1");
    look(path_of("a.lua"));
    FILE *f = fopen(path_of("a.lua"), "ab");
    assert_non_null(f);
    assert_quiet();
    fputs("2", f);
    fflush(f);
    assert_told();
    fclose(f);
    assert_told();
    assert_int_equal(truncate(path_of("a.lua"), 0), 0);
    assert_told();
    write_file("b.lua", "1");
    write_file("a.lua~", "1");
    assert_quiet();
    write_file("a.lua", "3");
    assert_told();
}

static void file_replaced(void **state)
{
    (void)state;
    write_file("a.lua", "1");
    look(path_of("a.lua"));
    for (int i = 0; i < 3; i++) {
        write_file("beside", "2");
        assert_quiet();
        move("beside", "a.lua");
        assert_told();
    }
    /* As vim does with `backupcopy=no`. */
    move("a.lua", "a.lua~");
    assert_told();
    write_file("a.lua", "3");
    assert_told();
    drop("a.lua~");
    assert_quiet();
    write_file("a.lua", "4");
    assert_told();
}

static void file_removed_and_made_again(void **state)
{
    (void)state;
    look(path_of("a.lua"));
    write_file("b.lua", "1");
    assert_quiet();
    for (int i = 0; i < 3; i++) {
        write_file("a.lua", "1");
        assert_told();
        drop("a.lua");
        assert_told();
    }
}

static void file_touched(void **state)
{
    (void)state;
    write_file("a.lua", "1");
    look(path_of("a.lua"));
    assert_int_equal(chmod(path_of("a.lua"), 0), 0);
    assert_told();
    assert_int_equal(chmod(path_of("a.lua"), 0644), 0);
    assert_told();
    assert_int_equal(utimensat(AT_FDCWD, path_of("a.lua"), NULL, 0), 0);
    assert_told();
}

static void reads_are_quiet(void **state)
{
    char text[8];
    (void)state;
    make_dir("s");
    write_file("s/a.lua", "1");
    look(path_of("s"));
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen(path_of("s/a.lua"), "rb");
        assert_non_null(f);
        assert_int_equal(fread(text, 1, sizeof text, f), 1);
        fclose(f);
        DIR *d = opendir(path_of("s"));
        assert_non_null(d);
        while (readdir(d) != NULL)
            ;
        closedir(d);
        look(path_of("s"));
    }
    assert_quiet();
    write_file("s/a.lua", "2");
    assert_told();
}

static void folder_files(void **state)
{
    (void)state;
    make_dir("s");
    look(path_of("s/"));
    write_file("s/a.lua", "1");
    assert_told();
    write_file("s/a.lua", "2");
    assert_told();
    replace("s/a.lua", "3");
    assert_told();
    write_file("b.lua", "1");
    assert_quiet();
    move("b.lua", "s/b.lua");
    assert_told();
    move("s/b.lua", "b.lua");
    assert_told();
    move("s/a.lua", "s/a.txt");
    assert_told();
    write_file("s/a.txt", "4");
    assert_quiet();
    move("s/a.txt", "s/a.lua");
    assert_told();
    drop("s/a.lua");
    assert_told();
}

static void folder_noise(void **state)
{
    static const char *const names[] = {"s/.a.lua.swp", "s/.hidden.lua", "s/4913", "s/a.lua~",   "s/#a.lua#",
                                        "s/.#a.lua",    "s/a.txt",       "s/.lua", "s/a.lua.tmp"};
    (void)state;
    make_dir("s");
    write_file("s/a.lua", "1");
    look(path_of("s"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        write_file(names[i], "1");
        assert_int_equal(chmod(path_of(names[i]), 0600), 0);
        drop(names[i]);
        assert_quiet();
    }
    make_dir("s/lib");
    write_file("s/lib/a.lua", "1");
    assert_quiet();
    write_file("s/a.lua", "2");
    assert_told();
}

static void neighbours_of_the_folder(void **state)
{
    char name[32];
    (void)state;
    make_dir("s");
    look(path_of("s"));
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "n%d.lua", i);
        write_file(name, "1");
        if (i % 2 == 0)
            drop(name);
    }
    make_dir("t");
    move("t", "u");
    assert_quiet();
    write_file("s/a.lua", "1");
    assert_told();
}

static void folder_renamed(void **state)
{
    (void)state;
    make_dir("p");
    make_dir("p/s");
    write_file("p/s/a.lua", "1");
    look(path_of("p/s"));
    move("p/s", "p/t");
    assert_told();
    write_file("p/t/a.lua", "2");
    assert_quiet();
    move("p/t", "p/s");
    assert_told();
    write_file("p/s/a.lua", "3");
    assert_told();
    move("p", "q");
    assert_told();
    write_file("q/s/a.lua", "4");
    assert_quiet();
    make_dir("p");
    assert_told();
    move("q/s", "p/s");
    assert_told();
    write_file("p/s/a.lua", "5");
    assert_told();
}

static void folder_made_again(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(mkdir(path_of("x"), 0755), 0);
        make_dir("x/y");
        make_dir("x/y/s");
        write_file("x/y/s/a.lua", "1");
        if (i == 0)
            look(path_of("x/y/s"));
        else
            assert_told();
        write_file("x/y/s/a.lua", "2");
        assert_told();
        drop("x/y/s/a.lua");
        assert_told();
        drop("x/y/s");
        assert_told();
        drop("x/y");
        assert_told();
        drop("x");
        assert_told();
    }
    /* Read between each two steps. */
    make_dir("x");
    assert_told();
    make_dir("x/z");
    assert_quiet();
    make_dir("x/y");
    assert_told();
    make_dir("x/y/s");
    assert_told();
    write_file("x/y/s/b.txt", "1");
    assert_quiet();
    write_file("x/y/s/b.lua", "1");
    assert_told();
}

static void folder_becomes_a_file(void **state)
{
    (void)state;
    make_dir("s");
    look(path_of("s"));
    drop("s");
    write_file("s", "1");
    assert_told();
    write_file("s", "2");
    assert_told();
    drop("s");
    make_dir("s");
    assert_told();
    write_file("s/a.lua", "1");
    assert_told();
}

static void releases(void)
{
    make_dir("releases");
    make_dir("releases/1");
    make_dir("releases/1/s");
    make_dir("releases/2");
    make_dir("releases/2/s");
    write_file("releases/1/s/a.lua", "1");
    write_file("releases/2/s/a.lua", "2");
}

static void check_swap(const char *first, const char *second)
{
    make_link(first, "current");
    look(path_of("current/s"));
    write_file("releases/2/s/a.lua", "3");
    assert_quiet();
    write_file("releases/1/s/a.lua", "3");
    assert_told();
    replace_link("current", second);
    assert_told();
    write_file("releases/1/s/a.lua", "4");
    assert_quiet();
    write_file("releases/2/s/a.lua", "4");
    assert_told();
    drop("current");
    assert_told();
}

static void links_swapped(void **state)
{
    char first[128], second[128];
    (void)state;
    releases();
    check_swap("releases/1", "releases/2");
    snprintf(first, sizeof first, "%s", path_of("releases/1/"));
    snprintf(second, sizeof second, "%s", path_of("releases/./2"));
    check_swap(first, second);
    make_link("releases", "r");
    check_swap("r/1", "releases/../r/2");
}

static void link_to_the_folder_itself(void **state)
{
    (void)state;
    releases();
    make_link("releases/1/s", "s");
    look(path_of("s"));
    write_file("releases/1/s/b.lua", "1");
    assert_told();
    replace_link("s", "releases/2/s");
    assert_told();
    write_file("releases/1/s/b.lua", "2");
    assert_quiet();
    write_file("releases/2/s/b.lua", "1");
    assert_told();
}

static void links_in_the_folder(void **state)
{
    (void)state;
    make_dir("s");
    make_dir("shared");
    write_file("shared/a", "1");
    make_link("../shared/a", "s/a.lua");
    look(path_of("s"));
    write_file("shared/b", "1");
    assert_quiet();
    write_file("shared/a", "2");
    assert_told();
    replace("shared/a", "3");
    assert_told();
    make_link("../shared/b", "s/b.lua");
    assert_told();
    write_file("shared/b", "2");
    assert_told();
    drop("s/b.lua");
    assert_told();
    write_file("shared/b", "3");
    assert_quiet();
    move("shared", "elsewhere");
    assert_told();
    write_file("elsewhere/a", "4");
    assert_quiet();
}

static void links_to_nothing_yet(void **state)
{
    (void)state;
    make_link("far/away/a.lua", "a.lua");
    look(path_of("a.lua"));
    make_dir("far");
    assert_told();
    make_dir("far/away");
    assert_told();
    write_file("far/away/a.lua", "1");
    assert_told();
    write_file("far/away/a.lua", "2");
    assert_told();
}

static void links_in_a_loop(void **state)
{
    (void)state;
    make_link("b", "a");
    make_link("a", "b");
    look(path_of("a/x.lua"));
    make_dir("c");
    write_file("c/x.lua", "1");
    assert_quiet();
    replace_link("b", "c");
    assert_told();
    write_file("c/x.lua", "2");
    assert_told();
}

static void modules_looked_for(void **state)
{
    (void)state;
    make_dir("s");
    write_file("s/a.lua", "1");
    look_for(path_of("s"), path_of("s/lib/deep/m.lua"));
    make_dir("s/other");
    assert_quiet();
    make_dir("s/lib");
    assert_told();
    write_file("s/lib/m.lua", "1");
    make_dir("s/lib/deeper");
    assert_quiet();
    make_dir("s/lib/deep");
    assert_told();
    write_file("s/lib/deep/n.lua", "1");
    assert_quiet();
    write_file("s/lib/deep/m.lua", "1");
    assert_told();
    write_file("s/lib/deep/m.lua", "2");
    assert_told();
    write_file("s/lib/deep/n.lua", "2");
    assert_quiet();
    drop("s/lib/deep/m.lua");
    assert_told();
    /* A module that is a folder is no folder of scripts. */
    make_dir("s/lib/deep/m.lua");
    assert_told();
    write_file("s/lib/deep/m.lua/x.lua", "1");
    assert_quiet();
}

static void relative_paths(void **state)
{
    int back = open(".", O_RDONLY | O_DIRECTORY);
    (void)state;
    make_dir("w");
    make_dir("s");
    assert_int_equal(chdir(path_of("w")), 0);
    write_file("w/a.lua", "1");
    look("a.lua");
    write_file("w/b.lua", "1");
    assert_quiet();
    write_file("w/a.lua", "2");
    assert_told();
    look(".");
    write_file("w/b.lua", "2");
    assert_told();
    look("../s//");
    write_file("w/b.lua", "3");
    assert_quiet();
    write_file("s/b.lua", "2");
    assert_told();
    move("s", "t");
    assert_told();
    make_dir("s");
    assert_told();
    make_link("../t", "w/l");
    look("./l/../t");
    write_file("t/b.lua", "3");
    assert_told();
    assert_int_equal(fchdir(back), 0);
    close(back);
}

static void hard_links(void **state)
{
    (void)state;
    make_dir("s");
    make_dir("o");
    write_file("o/a.txt", "1");
    assert_int_equal(link(path_of("o/a.txt"), path_of("s/a.lua")), 0);
    look(path_of("s"));
    write_file("o/a.txt", "2");
    assert_told();
    replace("s/a.lua", "3");
    assert_told();
    write_file("o/a.txt", "4");
    assert_quiet();
    /* Made later. */
    assert_int_equal(link(path_of("s/a.lua"), path_of("o/b.txt")), 0);
    told();
    write_file("o/b.txt", "5");
    assert_told();
}

static void what_is_set_replaces_what_was(void **state)
{
    (void)state;
    make_dir("s");
    make_dir("t");
    look(path_of("s"));
    size_t before = watches();
    write_file("s/a.lua", "1");
    /* What happened is still to be read. */
    const char *path = path_of("s");
    assert_int_equal(watch_set(w, &path, 1, NULL, 0, &e), 0);
    assert_told();
    look(path_of("t"));
    assert_int_equal(watches(), before);
    write_file("s/a.lua", "2");
    assert_quiet();
    write_file("t/a.lua", "2");
    assert_told();
    assert_int_equal(watch_set(w, NULL, 0, NULL, 0, &e), 0);
    assert_quiet();
    write_file("t/a.lua", "3");
    assert_quiet();
    assert_int_equal(watches(), 0);
}

static void odd_paths(void **state)
{
    char name[301];
    (void)state;
    memset(name, 'a', 300);
    name[300] = '\0';
    look("");
    look("/");
    look("/dev/stdin");
    look("/proc/self/fd/0");
    look("/nowhere/to/be/found");
    look(name);
}

static void nothing_given(void **state)
{
    (void)state;
    watch_free(NULL);
    assert_int_equal(watch_set(w, NULL, 0, NULL, 0, NULL), 0);
    assert_false(watch_read(w));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(file_written),
        CASE(file_replaced),
        CASE(file_removed_and_made_again),
        CASE(file_touched),
        CASE(reads_are_quiet),
        CASE(folder_files),
        CASE(folder_noise),
        CASE(neighbours_of_the_folder),
        CASE(folder_renamed),
        CASE(folder_made_again),
        CASE(folder_becomes_a_file),
        CASE(links_swapped),
        CASE(link_to_the_folder_itself),
        CASE(links_in_the_folder),
        CASE(links_to_nothing_yet),
        CASE(links_in_a_loop),
        CASE(modules_looked_for),
        CASE(relative_paths),
        CASE(hard_links),
        CASE(what_is_set_replaces_what_was),
        CASE(odd_paths),
        CASE(nothing_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
