/*
 * Random changes of files, folders and links: whatever changes what a load would read must be told, at once, and the
 * watches must be those that a new watch would hold. ROUNDS and SEED of the environment say how many and which.
 */
#include "watch_case.h"

#include "core/buf.h"
#include "script/load.h"

#include <sys/wait.h>

enum { STEPS = 60, PATHS = 3, MODULES = 2 };

static unsigned long seed;

static unsigned pick(unsigned n)
{
    seed = seed * 6364136223846793005UL + 1442695040888963407UL;
    return (unsigned)(seed >> 33) % n;
}

/* Up to three components out of few, so that changes meet. */
static const char *any_path(void)
{
    static const char *const names[] = {"a", "b", "c", "x.lua", "y.lua"};
    static char path[4][64];
    static unsigned turn;
    char *p = path[turn = (turn + 1) % 4];
    *p = '\0';
    for (unsigned i = pick(3) + 1; i > 0; i--) {
        strcat(p, names[pick(5)]);
        strcat(p, i > 1 ? "/" : "");
    }
    return p;
}

static void any_target(char *out, size_t size)
{
    static const char *const before[] = {"", "../", "../../", "./"};
    if (pick(4) == 0)
        snprintf(out, size, "%s", path_of(any_path()));
    else
        snprintf(out, size, "%s%s", before[pick(4)], any_path());
}

static void any_write(const char *path)
{
    FILE *f = fopen(path, pick(2) == 0 ? "wb" : "ab");
    if (f == NULL)
        return;
    fprintf(f, "%u", pick(1000));
    fclose(f);
}

/* Many fail, as in life. */
static void any_change(void)
{
    char target[256], command[256];
    const char *path = path_of(any_path()), *other = path_of(any_path());
    int rc = 0;
    switch (pick(8)) {
    case 0:
        rc = mkdir(path, 0755);
        break;
    case 1:
        any_target(target, sizeof target);
        rc = symlink(target, path);
        break;
    case 2:
        rc = remove(path);
        break;
    case 3:
    case 4:
        rc = rename(path, other);
        break;
    case 5:
        rc = pick(3) == 0 ? link(path, other) : 0;
        break;
    case 6:
        snprintf(command, sizeof command, "rm -rf %s 2>/dev/null", path);
        rc = pick(8) == 0 ? system(command) : 0;
        break;
    default:
        any_write(path);
        any_write(other);
    }
    (void)rc;
}

static void read_one(struct buf *out, const char *path)
{
    struct err why;
    buf_printf(out, "[%s:", path);
    if (load_read_file(path, out, &why) != 0)
        buf_append_str(out, why.message);
}

/* What a load would read. */
static void read_all(struct buf *out, const char *const *paths, const char *const *modules)
{
    struct load l;
    for (size_t i = 0; i < PATHS; i++) {
        load_init(&l);
        load_paths(&l, &paths[i], 1, out, NULL);
        for (size_t n = 0; n < l.file_count; n++) {
            buf_printf(out, "[%s:", l.files[n].path);
            buf_append_bytes(out, buf_view(&l.files[n].text));
        }
        load_fini(&l);
    }
    for (size_t i = 0; i < MODULES; i++)
        read_one(out, modules[i]);
    assert_non_null(buf_cstr(out));
}

static void check_round(const char *const *paths, const char *const *modules)
{
    struct buf was, now;
    buf_init(&was);
    buf_init(&now);
    read_all(&was, paths, modules);
    for (int i = 0; i < STEPS; i++) {
        for (unsigned n = pick(3); n < 3; n++)
            any_change();
        bool changed = told();
        buf_clear(&now);
        read_all(&now, paths, modules);
        if (strcmp(was.data, now.data) != 0 && !changed)
            fail_msg("not told, step %d:\n%s\n%s", i, was.data, now.data);
        buf_clear(&was);
        buf_append_bytes(&was, buf_view(&now));
        assert_non_null(buf_cstr(&was));
    }
    size_t held = watches();
    assert_int_equal(watch_set(w, paths, PATHS, modules, MODULES, &e), 0);
    assert_int_equal(watches(), held);
    buf_fini(&was);
    buf_fini(&now);
}

/* In a folder with something in it. The paths are valid until the next call. */
static void begin_round(const char *paths[PATHS + MODULES])
{
    static char text[PATHS + MODULES][256];
    char command[128];
    print_message("SEED=%lu\n", seed);
    snprintf(command, sizeof command, "rm -rf %s/*", dir);
    assert_int_equal(system(command), 0);
    for (int n = 0; n < 12; n++)
        any_change();
    for (size_t n = 0; n < PATHS + MODULES; n++) {
        snprintf(text[n], sizeof text[n], "%s", path_of(any_path()));
        paths[n] = text[n];
    }
    told();
    assert_int_equal(watch_set(w, paths, PATHS, paths + PATHS, MODULES, &e), 0);
}

static void each_round(void (*check)(const char *const *paths, const char *const *modules))
{
    const char *paths[PATHS + MODULES];
    const char *rounds = getenv("ROUNDS"), *first = getenv("SEED");
    unsigned long start = first == NULL ? 1 : strtoul(first, NULL, 10);
    for (long i = 0; i < (rounds == NULL ? 100 : atol(rounds)); i++) {
        seed = start + (unsigned long)i;
        begin_round(paths);
        check(paths, paths + PATHS);
    }
}

static void all_is_told(void **state)
{
    (void)state;
    each_round(check_round);
}

static pid_t change_beside_us(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    for (int i = 0; child == 0 && i < 10 * STEPS; i++)
        any_change();
    if (child == 0)
        _exit(0);
    return child;
}

/* Who reads again each time it is told has read the last of it. */
static void check_race(const char *const *paths, const char *const *modules)
{
    struct buf seen, now;
    int status;
    buf_init(&seen);
    buf_init(&now);
    read_all(&seen, paths, modules);
    pid_t child = change_beside_us();
    for (bool ended = false, last = false; !last;) {
        last = ended;
        if (readable(1) && watch_read(w)) {
            buf_clear(&seen);
            read_all(&seen, paths, modules);
            last = false;
        }
        if (!ended)
            ended = waitpid(child, &status, WNOHANG) == child;
    }
    read_all(&now, paths, modules);
    assert_string_equal(seen.data, now.data);
    size_t held = watches();
    assert_int_equal(watch_set(w, paths, PATHS, modules, MODULES, &e), 0);
    assert_int_equal(watches(), held);
    buf_fini(&seen);
    buf_fini(&now);
}

static void all_is_told_while_it_changes(void **state)
{
    (void)state;
    each_round(check_race);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(all_is_told_while_it_changes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
