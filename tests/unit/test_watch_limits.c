/* The watch at the edges of what the kernel gives: its limits, folders that may not be read, mounts; and what it holds.
 */
#include "watch_case.h"

#include <errno.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { NOBODY = 65534, MANY = 500 };

/* In the place of the C library's, to run out of watches as on a smaller machine. */
static int watches_left = -1;

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    if (watches_left == 0) {
        errno = ENOSPC;
        return -1;
    }
    watches_left -= watches_left > 0;
    return (int)syscall(SYS_inotify_add_watch, fd, path, mask);
}

static void out_of_watches(void **state)
{
    (void)state;
    make_dir("s");
    make_dir("t");
    const char *paths[] = {path_of("s"), path_of("t")};
    watches_left = 4; /* "/", "/tmp", the test's and "s" */
    int rc = watch_set(w, paths, 2, NULL, 0, &e);
    watches_left = -1;
    assert_int_equal(rc, -1);
    assert_int_equal(e.domain, ERR_SYSTEM);
    assert_int_equal(e.code, ENOSPC);
    assert_non_null(strstr(e.message, "cannot watch /"));
    assert_non_null(strstr(e.message, "raise fs.inotify.max_user_watches (now "));
    assert_int_equal(watches(), 4);
    write_file("s/a.lua", "1");
    assert_told();
    /* With more of them, all is well; and nothing is said of the last time. */
    assert_int_equal(watch_set(w, paths, 2, NULL, 0, &e), 0);
    write_file("t/a.lua", "1");
    assert_told();
}

static void out_of_descriptors(void **state)
{
    struct rlimit was, low;
    struct watch *more;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    low = was;
    low.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    more = watch_new(&e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_null(more);
    assert_int_equal(e.code, EMFILE);
    assert_string_equal(e.message, "cannot watch files: Too many open files");
}

static void out_of_instances(void **state)
{
    static struct watch *many[4096];
    size_t count = 0;
    (void)state;
    while (count < 4096 && (many[count] = watch_new(&e)) != NULL)
        count++;
    for (size_t i = 0; i < count; i++)
        watch_free(many[i]);
    if (count == 4096)
        skip();
    assert_int_equal(e.code, EMFILE);
    assert_true(strstr(e.message, "raise fs.inotify.max_user_instances (now ") != NULL ||
                strstr(e.message, "Too many open files") != NULL);
}

static void queue_overflow(void **state)
{
    long max = 0;
    (void)state;
    FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    if (f == NULL || fscanf(f, "%ld", &max) != 1 || max > 200000)
        skip();
    fclose(f);
    make_dir("s");
    write_file("s/a.txt", "1");
    look(path_of("s"));
    for (long i = 0; i < max / 4 + 100; i++) {
        move("s/a.txt", "s/b.txt");
        move("s/b.txt", "s/a.txt");
    }
    assert_told();
    write_file("s/a.txt", "1");
    assert_quiet();
    write_file("s/a.lua", "1");
    assert_told();
}

/* Root may read anything, so what is tried on the watch is tried as another. */
static void become(uid_t user)
{
    if (getuid() == 0)
        assert_int_equal(seteuid(user), 0);
}

static int come_back(void **state)
{
    return getuid() == 0 && seteuid(0) != 0 ? -1 : teardown(state);
}

static bool told_nobody(void)
{
    become(NOBODY);
    bool changed = told_soon();
    become(0);
    return changed;
}

static void check_unreadable(const char *const paths[3])
{
    become(NOBODY);
    assert_int_equal(watch_set(w, paths, 3, NULL, 0, &e), -1);
    assert_int_equal(e.code, EACCES);
    assert_non_null(strstr(e.message, "/p: Permission denied"));
    /* What is there can be watched; its folder, last, as a module of that name: from outside alone. */
    assert_int_equal(watch_set(w, paths, 2, paths, 1, &e), 0);
    assert_quiet();
    become(0);
}

static void folder_that_cannot_be_read(void **state)
{
    (void)state;
    make_dir("p");
    make_dir("p/s");
    write_file("p/s/a.lua", "1");
    write_file("p/b.lua", "1");
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(chmod(path_of("p"), 0311), 0);
    const char *paths[] = {path_of("p/s"), path_of("p/b.lua"), path_of("p/c.lua")};
    check_unreadable(paths);
    write_file("p/b.lua", "2");
    assert_true(told_nobody());
    replace("p/b.lua", "3");
    assert_true(told_nobody());
    write_file("p/b.lua", "4");
    assert_true(told_nobody());
    write_file("p/s/a.lua", "2");
    assert_true(told_nobody());
    make_link("a.lua", "p/s/b.lua");
    assert_true(told_nobody());
    move("p/s", "p/t");
    assert_true(told_nobody());
    move("p/t", "p/s");
    assert_int_equal(chmod(path_of("p"), 0755), 0);
    assert_true(told_nobody());
    write_file("p/s/c.lua", "1");
    assert_true(told_nobody());
}

static void write_at(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void many_files(void **state)
{
    char *paths[MANY + 1], folder[80];
    (void)state;
    make_dir("s");
    paths[MANY] = strcpy(folder, path_of("s"));
    for (int i = 0; i < MANY; i++) {
        assert_true(asprintf(&paths[i], "%s/n%d.lua", folder, i) > 0);
        write_at(paths[i], "1");
    }
    look(folder);
    size_t of_folder = watches();
    /* By name, by name and in their folder, in their folder alone. */
    for (int turn = 0; turn < 3; turn++) {
        assert_int_equal(watch_set(w, (const char *const *)paths, MANY + (turn == 1), NULL, 0, &e), 0);
        if (turn == 2)
            look(folder);
        assert_int_equal(watches(), of_folder);
        for (int i = turn; i < MANY; i += 50) {
            write_file("s/other.txt", "1");
            assert_quiet();
            write_at(paths[i], "2");
            assert_told();
        }
    }
    for (int i = 0; i < MANY; i++)
        free(paths[i]);
}

static void nothing_grows(void **state)
{
    (void)state;
    make_dir("s");
    make_dir("o");
    write_file("s/a.lua", "1");
    write_file("o/a", "1");
    make_link("../o/a", "s/l.lua");
    look_for(path_of("s"), path_of("s/lib/m.lua"));
    size_t held = watches(), open_before = descriptors();
    for (int i = 0; i < 1000; i++) {
        replace("s/a.lua", "2");
        assert_told();
        replace_link("s/l.lua", i % 2 == 0 ? "../o/b" : "../o/a");
        assert_told();
    }
    assert_int_equal(watches(), held);
    for (int i = 0; i < 1000; i++) {
        make_dir("s/lib");
        write_file("s/lib/m.lua", "1");
        assert_told();
        drop("s/lib/m.lua");
        drop("s/lib");
        assert_told();
        move("s", "t");
        if (i % 2 == 0)
            assert_told();
        move("t", "s");
        assert_told();
    }
    told();
    assert_int_equal(watches(), held);
    assert_int_equal(descriptors(), open_before);
}

static void folders_made_again(void **state)
{
    (void)state;
    look(path_of("x/s"));
    size_t none = watches();
    for (int i = 0; i < 1000; i++) {
        make_dir("x");
        make_dir("x/s");
        if (i % 3 == 0)
            assert_told();
        write_file("x/s/a.lua", "1");
        assert_told();
        assert_true(watches() == none + 3);
        drop("x/s/a.lua");
        drop("x/s");
        drop("x");
        assert_told();
    }
    told();
    assert_int_equal(watches(), none);
}

static void descriptors_are_given_back(void **state)
{
    (void)state;
    size_t before = descriptors();
    make_dir("s");
    write_file("s/a.lua", "1");
    const char *path = path_of("s");
    for (int i = 0; i < 20; i++) {
        struct watch *other = watch_new(&e);
        assert_non_null(other);
        assert_int_equal(watch_set(other, &path, 1, NULL, 0, &e), 0);
        assert_true(fcntl(watch_fd(other), F_GETFD) & FD_CLOEXEC);
        watch_free(other);
    }
    assert_int_equal(descriptors(), before);
}

/* The program's own view of the mounts from here on, which goes with it. */
static bool may_mount(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
}

static int unmount(void **state)
{
    static const char *const places[] = {"m/s", "m", "s/a.lua"};
    for (size_t i = 0; i < 3; i++)
        (void)umount2(path_of(places[i]), MNT_DETACH);
    return teardown(state);
}

static void unmounted(void **state)
{
    (void)state;
    if (!may_mount())
        skip();
    make_dir("m");
    assert_int_equal(mount("none", path_of("m"), "tmpfs", 0, NULL), 0);
    make_dir("m/s");
    write_file("m/s/a.lua", "1");
    look(path_of("m/s"));
    write_file("m/s/a.lua", "2");
    assert_told();
    assert_int_equal(umount(path_of("m")), 0);
    assert_told();
    make_dir("m/s");
    assert_told();
    write_file("m/s/a.lua", "1");
    assert_told();
}

/* What a container writes in a file of its image is a copy from then on. */
static void file_of_a_lower_layer(void **state)
{
    char options[512];
    (void)state;
    if (!may_mount())
        skip();
    make_dir("m");
    assert_int_equal(mount("none", path_of("m"), "tmpfs", 0, NULL), 0);
    make_dir("m/lower");
    make_dir("m/upper");
    make_dir("m/work");
    make_dir("m/s");
    write_file("m/lower/a.lua", "1");
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", path_of("m/lower"), path_of("m/upper"),
             path_of("m/work"));
    if (mount("none", path_of("m/s"), "overlay", 0, options) != 0)
        skip();
    look(path_of("m/s"));
    for (int i = 0; i < 3; i++) {
        write_file("m/s/a.lua", "2");
        assert_told();
    }
}

/* As a container is given a single file: its folder there hears nothing of what is written here. */
static void file_mounted(void **state)
{
    (void)state;
    if (!may_mount())
        skip();
    make_dir("s");
    write_file("s/a.lua", "");
    write_file("a.txt", "1");
    assert_int_equal(mount(path_of("a.txt"), path_of("s/a.lua"), "none", MS_BIND, NULL), 0);
    look(path_of("s"));
    write_file("b.txt", "2");
    assert_quiet();
    write_file("a.txt", "2");
    assert_told();
}

#define CASE(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define MOUNT(name) cmocka_unit_test_setup_teardown(name, setup, unmount)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(out_of_watches),
        CASE(out_of_descriptors),
        CASE(out_of_instances),
        CASE(queue_overflow),
        cmocka_unit_test_setup_teardown(folder_that_cannot_be_read, setup, come_back),
        CASE(many_files),
        CASE(nothing_grows),
        CASE(folders_made_again),
        CASE(descriptors_are_given_back),
        MOUNT(unmounted),
        MOUNT(file_of_a_lower_layer),
        MOUNT(file_mounted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
