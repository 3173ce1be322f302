/* Rows in memory as a table (store/feed.h), and what the writer gathers to write it together. */
#include "store/feed.h"

#include "test_store.h"

#define COPY "INSERT INTO t(n, name) SELECT n, name FROM feed"

struct item {
    int n;
    const char *name; /* NULL: a NULL */
};

static void item_column(void *ud, const void *row, int at, sqlite3_context *to)
{
    const struct item *item = row;
    const bool *failing = ud;
    if (*failing)
        sqlite3_result_error_nomem(to);
    else if (at == 0)
        sqlite3_result_int(to, item->n);
    else if (item->name != NULL)
        sqlite_result_text(to, bytes_of(item->name));
}

struct scene {
    struct sqlite c;
    struct feed feed;
    sqlite3_stmt *copy;
    bool failing;
};

static void scene_open(struct scene *s)
{
    struct err e;
    const struct sqlite_text texts[] = {{&s->copy, COPY}, {NULL, NULL}};
    assert_int_equal(sqlite3_open(":memory:", &s->c.db), SQLITE_OK);
    assert_int_equal(sqlite_exec(&s->c, "CREATE TABLE t(n INTEGER PRIMARY KEY, name)", &e), 0);
    assert_int_equal(feed_register(&s->feed, &s->c, &e), 0);
    assert_int_equal(sqlite_prepare(&s->c, texts, &e), 0);
}

static int scene_setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    s->c.path = ":memory:";
    s->feed = (struct feed){
        .name = "feed", .columns = "CREATE TABLE feed(n, name)", .column = item_column, .ud = &s->failing};
    scene_open(s);
    *state = s;
    return 0;
}

static int scene_teardown(void **state)
{
    struct scene *s = *state;
    sqlite_close(&s->c);
    feed_fini(&s->feed);
    free(s);
    return 0;
}

static int64_t ask_number(struct scene *s, const char *query)
{
    struct err e;
    int64_t n = -1;
    assert_int_equal(sqlite_number(&s->c, query, &n, &e), 0);
    return n;
}

static void test_rows_arrive(void **state)
{
    struct scene *s = *state;
    static const struct item items[] = {{3, "three"}, {1, ""}, {2, NULL}};
    assert_true(feed_empty(&s->feed));
    assert_null(feed_first(&s->feed));
    assert_int_equal(feed_run(&s->feed, s->copy), SQLITE_OK);
    for (int i = 0; i < 3; i++)
        assert_true(feed_add(&s->feed, &items[i]));
    assert_ptr_equal(feed_first(&s->feed), &items[0]);
    assert_int_equal(feed_run(&s->feed, s->copy), SQLITE_OK);
    assert_true(feed_empty(&s->feed));
    assert_int_equal(ask_number(s, "SELECT count(*) FROM t"), 3);
    assert_int_equal(ask_number(s, "SELECT n FROM t WHERE name = 'three'"), 3);
    assert_int_equal(ask_number(s, "SELECT n FROM t WHERE name = ''"), 1);
    assert_int_equal(ask_number(s, "SELECT n FROM t WHERE name IS NULL"), 2);
}

static int by_n(const void *a, const void *b)
{
    const struct item *const *x = a, *const *y = b;
    return (*x)->n - (*y)->n;
}

static void test_sorted(void **state)
{
    struct scene *s = *state;
    static const struct item items[] = {{3, "c"}, {1, "a"}, {2, "b"}};
    feed_sort(&s->feed, by_n);
    for (int i = 0; i < 3; i++)
        assert_true(feed_add(&s->feed, &items[i]));
    feed_sort(&s->feed, by_n);
    assert_ptr_equal(feed_first(&s->feed), &items[1]);
    assert_int_equal(feed_run(&s->feed, s->copy), SQLITE_OK);
    assert_int_equal(ask_number(s, "SELECT count(*) FROM t"), 3);
}

static void test_a_row_that_fails(void **state)
{
    struct scene *s = *state;
    static const struct item items[] = {{1, "one"}, {2, "two"}, {2, "again"}};
    for (int i = 0; i < 3; i++)
        assert_true(feed_add(&s->feed, &items[i]));
    assert_true(sqlite_own_fault(feed_run(&s->feed, s->copy)));
    assert_true(feed_empty(&s->feed));
    s->failing = true;
    assert_true(feed_add(&s->feed, &items[0]));
    assert_int_equal(feed_run(&s->feed, s->copy), SQLITE_NOMEM);
    assert_int_equal(ask_number(s, "SELECT count(*) FROM t"), 0);
}

/* The statement is compiled anew when another program has changed the schema. */
static void test_a_schema_that_changes(void **state)
{
    struct scene *s = *state;
    struct err e;
    static const struct item items[] = {{1, "one"}, {2, "two"}};
    for (int i = 0; i < 2; i++) {
        assert_true(feed_add(&s->feed, &items[i]));
        assert_int_equal(feed_run(&s->feed, s->copy), SQLITE_OK);
        assert_int_equal(sqlite_exec(&s->c, i == 0 ? "CREATE TABLE a(b)" : "DROP TABLE a", &e), 0);
    }
    assert_int_equal(ask_number(s, "SELECT count(*) FROM t"), 2);
}

static void test_a_new_connection(void **state)
{
    struct scene *s = *state;
    static const struct item one = {1, "one"};
    for (int i = 0; i < 2; i++) {
        assert_true(feed_add(&s->feed, &one));
        assert_int_equal(feed_run(&s->feed, s->copy), SQLITE_OK);
        assert_int_equal(ask_number(s, "SELECT count(*) FROM t"), 1);
        sqlite_close(&s->c);
        scene_open(s);
    }
}

/* --- what is gathered ------------------------------------------------------------------------------------------- */

/* All in one batch: accepted, tried, sent again, and others before and behind. */
static void test_a_life_in_one_batch(void **state)
{
    struct fixture *f = *state;
    struct written w[3], u[2];
    struct attempt tries[2] = {{.number = 1, .status = 500}, {.number = 2, .status = 200}};
    for (int i = 0; i < 3; i++) {
        prepare_event(&w[i], 10 * i + 2, i == 1 ? "key" : NULL);
        submit(f, &w[i]);
        if (i == 1)
            for (int j = 0; j < 2; j++)
                submit_update(f, &u[j], 12, j == 0 ? DELIVERY_WAITING : DELIVERY_SUCCEEDED, &tries[j]);
    }
    fixture_wait(f, &w[2].done);
    assert_false(w[0].failed || w[1].failed || w[2].failed || u[0].failed || u[1].failed);
    assert_int_equal(number(f, "SELECT count(*) FROM events"), 3);
    assert_int_equal(number(f, "SELECT count(*) FROM requests"), 3);
    assert_int_equal(number(f, "SELECT count(*) FROM attempts"), 2);
    assert_int_equal(state_of(f, 2), DELIVERY_QUEUED);
    assert_int_equal(state_of(f, 12), DELIVERY_SUCCEEDED);
    assert_int_equal(state_of(f, 22), DELIVERY_QUEUED);
}

/* As when a commit that failed had reached the disk, and is tried again. */
static void test_an_attempt_that_is_there(void **state)
{
    struct fixture *f = *state;
    struct written w, u[2];
    struct attempt tries[2] = {{.number = 1, .status = 500}, {.number = 1, .status = 200}};
    accept_one(f, 1, "shop");
    accept_one(f, 2, "shop");
    submit_update(f, &u[0], 1, DELIVERY_FAILED, &tries[0]);
    fixture_wait(f, &u[0].done);
    prepare_delivery(&w, 3, "shop");
    submit(f, &w);
    submit_update(f, &u[0], 2, DELIVERY_SUCCEEDED, &tries[1]);
    submit_update(f, &u[1], 1, DELIVERY_SUCCEEDED, &tries[1]);
    fixture_wait(f, &u[1].done);
    assert_false(w.failed || u[0].failed || u[1].failed);
    assert_int_equal(number(f, "SELECT count(*) FROM attempts WHERE status = 200"), 2);
    assert_int_equal(number(f, "SELECT count(*) FROM attempts"), 2);
    assert_int_equal(number(f, "SELECT count(*) FROM deliveries"), 3);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCENE(test_rows_arrive),
        WITH_SCENE(test_sorted),
        WITH_SCENE(test_a_row_that_fails),
        WITH_SCENE(test_a_schema_that_changes),
        WITH_SCENE(test_a_new_connection),
        WITH_STORE(test_a_life_in_one_batch),
        WITH_STORE(test_an_attempt_that_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
