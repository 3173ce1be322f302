/* What can be wrong with the folder and the file when the store opens: one clear line each. */
#include "store/lockfile.h"
#include "test_store.h"

#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct err refused(struct fixture *f)
{
    struct err e;
    assert_null(fixture_try_open(f, &e));
    assert_null(strchr(e.message, '\n'));
    return e;
}

static void put(const char *path, off_t at, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, len, at), len);
    close(fd);
}

static void test_folder_missing(void **state)
{
    struct fixture other = *(struct fixture *)*state;
    strcat(other.folder, "/none");
    struct err e = refused(&other);
    assert_says(e, other.folder);
    assert_says(e, "does not exist");
}

static void test_folder_is_a_file(void **state)
{
    struct fixture other = *(struct fixture *)*state;
    put(fixture_path(&other, "lock"), 0, "x", 1);
    strcat(other.folder, "/lock");
    struct err e = refused(&other);
    assert_says(e, "is not a folder");
}

/* Somebody's file elsewhere is not emptied. */
static void test_lock_is_a_link(void **state)
{
    struct fixture *f = *state;
    char target[128], text[8] = "";
    snprintf(target, sizeof target, "%s", fixture_path(f, "anzol.db-shm"));
    put(target, 0, "theirs", 6);
    assert_int_equal(symlink(target, fixture_path(f, "lock")), 0);
    struct err e = refused(f);
    assert_says(e, "cannot open ");
    assert_says(e, "/lock");
    int fd = open(target, O_RDONLY);
    assert_int_equal(read(fd, text, sizeof text), 6);
    close(fd);
    assert_string_equal(text, "theirs");
}

static void test_name_is_too_long(void **state)
{
    static char folder[PATH_MAX + 1];
    struct err e;
    (void)state;
    memset(folder, 'f', sizeof folder - 1);
    assert_int_equal(lockfile_take(folder, &e), -1);
    assert_says(e, "cannot open ");
    assert_false(lockfile_is_free(folder));
}

static void test_database_is_a_folder(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(fixture_path(f, "anzol.db"), 0700), 0);
    struct err e = refused(f);
    assert_int_equal(rmdir(fixture_path(f, "anzol.db")), 0);
    assert_says(e, "anzol.db cannot be opened");
    assert_says(e, "check the permissions");
}

static void test_second_open(void **state)
{
    struct fixture *f = *state;
    struct fixture other = *f;
    fixture_open(f);
    struct err e = refused(&other);
    assert_says(e, "another anzol runs in this folder");
    assert_says(e, f->folder);
    fixture_reopen(f);
}

static void test_not_a_database(void **state)
{
    struct fixture *f = *state;
    char garbage[9000];
    memset(garbage, 'g', sizeof garbage);
    put(fixture_path(f, "anzol.db"), 0, garbage, sizeof garbage);
    struct err e = refused(f);
    assert_says(e, "anzol.db is damaged (file is not a database)");
    assert_says(e, "move it away");
    assert_says(e, "backup");
}

static void test_damaged_header(void **state)
{
    struct fixture *f = *state;
    fixture_open(f);
    accept_one(f, 1, "shop");
    fixture_close(f);
    put(fixture_path(f, "anzol.db"), 0, "garbage garbage garbage garbage", 31);
    struct err e = refused(f);
    assert_says(e, "is damaged");
    assert_says(e, "backup");
}

static void test_newer_schema(void **state)
{
    struct fixture *f = *state;
    fixture_open(f);
    fixture_close(f);
    sql(f, "PRAGMA user_version = 1000");
    struct err e = refused(f);
    assert_says(e, "newer anzol");
    assert_says(e, "1000");
}

static void test_another_programs_database(void **state)
{
    struct fixture *f = *state;
    sql(f, "CREATE TABLE t(x)");
    struct err e = refused(f);
    assert_says(e, "another program");
}

static void test_empty_file_is_a_new_database(void **state)
{
    struct fixture *f = *state;
    put(fixture_path(f, "anzol.db"), 0, "", 0);
    fixture_open(f);
    accept_one(f, 1, "shop");
}

/* As somebody whom permissions hold back. Returns what store_open said, through a pipe. */
static struct err refused_as_nobody(struct fixture *f)
{
    struct err e = {0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(2);
        if (fixture_try_open(f, &e) != NULL)
            snprintf(e.message, sizeof e.message, "it opened");
        _exit(write(ends[1], &e, sizeof e) != sizeof e);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &e, sizeof e), sizeof e);
    close(ends[0]);
    waitpid(child, NULL, 0);
    return e;
}

static void give_away(struct fixture *f)
{
    if (geteuid() != 0)
        return;
    assert_int_equal(chown(f->folder, 65534, 65534), 0);
    assert_int_equal(chown(fixture_path(f, "anzol.db"), 65534, 65534), 0);
    assert_int_equal(chown(fixture_path(f, "lock"), 65534, 65534), 0);
}

static void test_file_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    fixture_open(f);
    fixture_close(f);
    give_away(f);
    assert_int_equal(chmod(fixture_path(f, "anzol.db"), 0400), 0);
    struct err e = refused_as_nobody(f);
    assert_says(e, "anzol.db cannot be written: check its owner and its permissions");
}

static void test_folder_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chmod(f->folder, 0500), 0);
    struct err e = refused_as_nobody(f);
    assert_int_equal(chmod(f->folder, 0700), 0);
    assert_says(e, f->folder);
    assert_says(e, "cannot be written");
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_folder_missing),
        WITH_FOLDER(test_folder_is_a_file),
        WITH_FOLDER(test_lock_is_a_link),
        WITH_FOLDER(test_name_is_too_long),
        WITH_FOLDER(test_database_is_a_folder),
        WITH_FOLDER(test_second_open),
        WITH_FOLDER(test_not_a_database),
        WITH_FOLDER(test_damaged_header),
        WITH_FOLDER(test_newer_schema),
        WITH_FOLDER(test_another_programs_database),
        WITH_FOLDER(test_empty_file_is_a_new_database),
        WITH_FOLDER(test_file_cannot_be_written),
        WITH_FOLDER(test_folder_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
