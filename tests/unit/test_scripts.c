/* scripts: how earlier generations are had from the store, when that fails and why. Store and builder are the test's.
 */
#include "folder.h"

#include "core/secrets.h"
#include "core/units.h"
#include "host/builder.h"
#include "host/scripts.h"

static const int64_t EARLIER = 7, AGAIN_NS = NS_PER_S;

static int64_t now_ns;
static struct timers timers;
static struct log quiet;
static struct env env;
static struct scripts scripts;
static struct secrets *secrets;
static struct store_read_script *read_of; /* under way */
static struct build *build_of;
static int reads, asked_again;
static const struct generation *last_found;
static struct err refusal; /* of builder_start(): domain ERR_NONE, none */
static struct err e;

/* --- what is under it ----------------------------------------------------------------------------------------- */

static int64_t mono(void)
{
    return now_ns;
}

void store_submit(struct store *s, struct store_write *write)
{
    (void)s, (void)write;
    fail();
}

void store_query(struct store *s, struct store_read *r)
{
    (void)s;
    assert_int_equal(r->kind, STORE_READ_SCRIPT);
    read_of = (struct store_read_script *)r;
    reads++;
}

void store_read_fini(struct store_read *r)
{
    (void)r;
}

int builder_start(struct builder *b, struct build *build, struct err *why)
{
    (void)b;
    if (refusal.domain != ERR_NONE) {
        *why = refusal;
        return -1;
    }
    build_of = build;
    return 0;
}

struct generation *builder_take(struct build *b)
{
    struct generation *g = b->generation;
    b->generation = NULL;
    return g;
}

void build_fini(struct build *b)
{
    assert_ptr_equal(b, build_of);
    build_of = NULL;
}

/* --- the cases ------------------------------------------------------------------------------------------------ */

static void on_found(void *ud, const struct generation *g)
{
    (void)ud;
    last_found = g;
    asked_again += g == NULL;
}

static int setup(void **state)
{
    static const struct generation_options nothing = {.path_count = 0};
    (void)state;
    reads = asked_again = 0;
    last_found = NULL;
    read_of = NULL;
    build_of = NULL;
    err_clear(&refusal);
    now_ns = 1000 * NS_PER_S;
    quiet = (struct log){.outlet = {.fd = -1}, .level = LOG_ERROR + 1};
    timers_init(&timers);
    env = (struct env){.mono_ns = mono, .log = &quiet, .timers = &timers};
    secrets = secrets_new(&e);
    scripts_init(&scripts, &env, NULL, &nothing);
    scripts.on_found = on_found;
    return secrets == NULL ? -1 : folder_make("scripts");
}

static int teardown(void **state)
{
    (void)state;
    scripts_fini(&scripts);
    timers_fini(&timers);
    secrets_free(secrets);
    return folder_remove();
}

static void assert_not_there_yet(void)
{
    const char *failure = "not set";
    assert_null(scripts_find(&scripts, EARLIER, &failure));
    assert_null(failure);
}

static void answer_read(void)
{
    struct store_read_script *r = read_of;
    read_of = NULL;
    r->found = EARLIER;
    r->hash = r->archive = bytes_of("as it is stored");
    r->base.done(&r->base, NULL);
}

static void fail_build(enum err_domain domain, const char *message)
{
    err_set(&build_of->failure, domain, 0, "%s", message);
    build_of->done(build_of);
}

static void end_build(void)
{
    const char *const paths[] = {dir};
    struct generation_options o = {.paths = paths, .path_count = 1, .secrets = secrets};
    struct buf lines;
    buf_init(&lines);
    write_file("a.lua", "integration 'i' { url = 'http://h.test' }\n");
    assert_int_equal(generation_load(&o, &build_of->generation, &lines, &e), 0);
    buf_fini(&lines);
    build_of->done(build_of);
}

/* A second later they are asked for anew, and are as good as ever. */
static void assert_mends(void)
{
    const char *failure;
    timers_run(&timers, now_ns += AGAIN_NS - 1);
    assert_int_equal(asked_again, 0);
    timers_run(&timers, now_ns += 1);
    assert_int_equal(asked_again, 1);
    int before = reads;
    assert_not_there_yet();
    assert_int_equal(reads, before + 1);
    answer_read();
    end_build();
    assert_non_null(last_found);
    assert_ptr_equal(scripts_find(&scripts, EARLIER, &failure), last_found);
}

static void no_memory_to_load_them_is_no_mistake_of_theirs(void **state)
{
    (void)state;
    assert_not_there_yet();
    answer_read();
    fail_build(ERR_MEMORY, "out of memory");
    assert_null(build_of);
    assert_mends();
}

static void no_thread_to_load_them_is_no_mistake_of_theirs(void **state)
{
    (void)state;
    assert_not_there_yet();
    err_set(&refusal, ERR_SYSTEM, 11, "cannot start a thread");
    answer_read();
    err_clear(&refusal);
    assert_mends();
}

static void a_read_that_fails_is_no_mistake_of_theirs(void **state)
{
    (void)state;
    assert_not_there_yet();
    err_set(&e, ERR_STORE, 0, "the disk is gone");
    read_of->base.done(&read_of->base, &e);
    assert_mends();
}

/* Each of these asks anew: the moment at which they will be had must not move away from them. */
static void whoever_asks_meanwhile_puts_nothing_off(void **state)
{
    (void)state;
    assert_not_there_yet();
    answer_read();
    fail_build(ERR_MEMORY, "out of memory");
    timers_run(&timers, now_ns += AGAIN_NS / 2);
    assert_not_there_yet();
    answer_read();
    fail_build(ERR_MEMORY, "out of memory");
    timers_run(&timers, now_ns += AGAIN_NS / 2);
    assert_int_equal(asked_again, 1);
}

static void a_mistake_of_theirs_stays_until_it_is_forgotten(void **state)
{
    (void)state;
    const char *failure = NULL;
    assert_not_there_yet();
    answer_read();
    fail_build(ERR_SCRIPT, "a.lua:1: no secret 'X'");
    assert_int_equal(asked_again, 1);
    assert_null(scripts_find(&scripts, EARLIER, &failure));
    assert_string_equal(failure, "a.lua:1: no secret 'X'");
    timers_run(&timers, now_ns += 2 * AGAIN_NS);
    assert_int_equal(asked_again, 1);
    assert_int_equal(reads, 1);
    scripts_forget_failures(&scripts);
    assert_not_there_yet();
    assert_int_equal(reads, 2);
    answer_read();
    end_build();
    assert_non_null(last_found);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(no_memory_to_load_them_is_no_mistake_of_theirs),  test(no_thread_to_load_them_is_no_mistake_of_theirs),
        test(a_read_that_fails_is_no_mistake_of_theirs),       test(whoever_asks_meanwhile_puts_nothing_off),
        test(a_mistake_of_theirs_stays_until_it_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
