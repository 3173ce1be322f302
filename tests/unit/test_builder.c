/* builder: scripts loaded on a thread of its own, while others are at work. */
#include "folder.h"

#include "core/secrets.h"
#include "host/builder.h"

#include <poll.h>
#include <sys/eventfd.h>

static int woken;
static struct builder *builder;
static struct secrets *secrets;
static struct seen seen;
static struct log logger;
static struct err e;
static const char *const paths[] = {dir};

static void wake(void *ud)
{
    (void)ud;
    uint64_t one = 1;
    if (write(woken, &one, sizeof one) != sizeof one)
        abort();
}

static int setup(void **state)
{
    (void)state;
    woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    builder = builder_new(wake, NULL, &e);
    secrets = secrets_new(&e);
    seen_init(&seen);
    log_init(&logger, STDERR_FILENO);
    logger.format = LOG_JSON;
    logger.secrets = secrets;
    setenv("ANZOL_TEST_SECRET", "swordfish-7", 1);
    return woken < 0 || builder == NULL || secrets == NULL ? -1 : folder_make("builder");
}

static int teardown(void **state)
{
    (void)state;
    builder_free(builder);
    buf_clear(&logger.out);
    log_fini(&logger);
    secrets_free(secrets);
    seen_fini(&seen);
    close(woken);
    return folder_remove();
}

static void on_discard(void *ud, struct generation *g)
{
    (void)ud;
    builder_discard(builder, g);
}

struct job {
    struct build build; /* first */
    bool done;
    struct generation *generation;
};

static void on_done(struct build *b)
{
    struct job *j = (struct job *)b;
    j->generation = builder_take(b);
    j->done = true;
}

static void start(struct job *j, bool if_changed)
{
    *j = (struct job){.build = {.options = {.paths = paths,
                                            .path_count = 1,
                                            .seen = &seen,
                                            .secrets = secrets,
                                            .log = &logger,
                                            .discard = on_discard},
                                .if_changed = if_changed,
                                .done = on_done}};
    assert_int_equal(builder_start(builder, &j->build, &e), 0);
}

static void finish(struct job *j)
{
    struct pollfd p = {.fd = woken, .events = POLLIN};
    uint64_t n;
    while (!j->done) {
        assert_int_equal(poll(&p, 1, 30000), 1);
        assert_int_equal(read(woken, &n, sizeof n), sizeof n);
        builder_dispatch(builder);
    }
}

static void build(struct job *j, bool if_changed)
{
    start(j, if_changed);
    finish(j);
}

#define SHOP "integration 'i' { url = 'http://h.test', headers = { A = secret 'ANZOL_TEST_SECRET' } }\n"

static void a_load_comes_with_what_it_found(void **state)
{
    (void)state;
    struct job j;
    write_file("a.lua", "log.warn('hello', { n = 1 })\n" SHOP);
    build(&j, false);
    assert_non_null(j.generation);
    assert_int_equal(generation_integration_count(j.generation), 1);
    assert_true(bytes_equal(secrets_get(secrets, bytes_of("ANZOL_TEST_SECRET")), bytes_of("swordfish-7")));
    assert_non_null(memmem(logger.out.data, logger.out.len, "hello", 5));
    generation_unref(j.generation);
    build_fini(&j.build);
    assert_true(seen.known);
    build(&j, true);
    assert_true(j.build.unchanged);
    assert_null(j.generation);
    build_fini(&j.build);
    write_file("a.lua", SHOP);
    build(&j, true);
    assert_false(j.build.unchanged);
    generation_unref(j.generation);
    build_fini(&j.build);
}

static void a_mistake_comes_with_its_lines_and_nothing_else(void **state)
{
    (void)state;
    struct job j;
    write_file("a.lua", SHOP "webhook 'w' { integration = 'x' }\nwebhook 'v' { integration = 'x' }\n");
    build(&j, false);
    assert_null(j.generation);
    assert_string_equal(j.build.failure.message, "2 mistakes in the scripts");
    assert_non_null(memmem(j.build.lines.data, j.build.lines.len, "a.lua:2: webhook 'w'", 20));
    assert_int_equal(secrets_count(secrets), 0);
    build_fini(&j.build);
}

static void others_work_meanwhile(void **state)
{
    (void)state;
    struct job now, later;
    const struct render_sink nobody = {.on_run = NULL};
    write_file("a.lua", SHOP "flow 'f' { on = 'e', run = function() end, key = function() return env('HOME') end }\n");
    build(&now, false);
    for (int n = 0; n < 20; n++) {
        struct generation *g = now.generation;
        start(&later, false);
        while (!later.done) {
            (void)generation_start(g, bytes_of("f"), bytes_of("{\"name\":\"e\"}"), &nobody, &e);
            builder_dispatch(builder);
        }
        generation_unref(g);
        build_fini(&now.build);
        assert_non_null(later.generation);
        now.generation = later.generation;
        now.build = later.build;
    }
    generation_unref(now.generation);
    build_fini(&now.build);
}

static void many_are_built_one_after_another(void **state)
{
    (void)state;
    enum { JOBS = 10 };
    struct job jobs[JOBS];
    write_file("a.lua", SHOP);
    for (int i = 0; i < JOBS; i++)
        start(&jobs[i], false);
    for (int i = 0; i < JOBS; i++) {
        finish(&jobs[i]);
        assert_non_null(jobs[i].generation);
        generation_unref(jobs[i].generation);
        build_fini(&jobs[i].build);
    }
}

static void an_end_in_the_middle_leaves_nothing(void **state)
{
    (void)state;
    struct job jobs[5];
    write_file("a.lua", SHOP);
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        start(&jobs[i], false);
    builder_stop(builder);
    assert_int_equal(builder_start(builder, &jobs[0].build, &e), -1);
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        build_fini(&jobs[i].build);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_load_comes_with_what_it_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mistake_comes_with_its_lines_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(others_work_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(many_are_built_one_after_another, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_in_the_middle_leaves_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
