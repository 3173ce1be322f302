/* What the indexes do not hold: deliveries that are fresh, and their ids. */
#include "test_store.h"

enum { MANY = 9000, PAGE = 500 }; /* so many move the mark */

#define ON_SHELF "SELECT count(*) FROM deliveries INDEXED BY deliveries_pending WHERE shelf IN (1, 2)"
/* Each that is pending is on its shelf, or fresh; what has succeeded is on none. */
#define MISPLACED                                                                                                      \
    "SELECT count(*) FROM deliveries d, fresh f WHERE NOT (d.state = 0 AND d.shelf = 0 AND d.seq > f.above) "          \
    "AND d.shelf <> CASE d.state WHEN 0 THEN 1 WHEN 1 THEN 3 WHEN 3 THEN 0 ELSE d.state END"

/* All that are queued, as a lane reads them; returns how many, in order. */
static size_t drain(struct fixture *f, const char *integration, int64_t after)
{
    size_t count = 0;
    bool more = true;
    while (more) {
        struct asked q = {
            .read = {
                .kind = STORE_READ_READY, .integration = bytes_of(integration), .after_seq = after, .limit = PAGE}};
        struct store_read *r = answer(f, &q);
        assert_false(q.failed);
        for (size_t i = 0; i < r->count; i++) {
            assert_true(r->rows[i].seq > after);
            after = r->rows[i].seq;
        }
        count += r->count;
        more = r->more;
        store_read_fini(r);
    }
    return count;
}

/* Two rounds of so many that the mark is behind the first. */
static void accept_rounds(struct fixture *f)
{
    accept_many(f, 1, MANY, "shop");
    accept_many(f, MANY + 1, MANY, "shop");
    assert_true(number(f, "SELECT above FROM fresh") >= MANY);
}

static void test_fresh_ones_are_on_no_shelf(void **state)
{
    struct fixture *f = *state;
    accept_many(f, 1, 20, "shop");
    assert_int_equal(number(f, ON_SHELF), 0);
    update_one(f, 3, DELIVERY_SUCCEEDED);
    update_one(f, 4, DELIVERY_WAITING);
    update_one(f, 5, DELIVERY_SENDING);
    update_one(f, 6, DELIVERY_QUEUED);
    assert_int_equal(number(f, MISPLACED), 0);
    assert_int_equal(drain(f, "shop", 0), 17);
    assert_int_equal(drain(f, "crm", 0), 0);
    update_one(f, 4, DELIVERY_SUCCEEDED);
    update_one(f, 5, DELIVERY_SUCCEEDED);
    update_one(f, 6, DELIVERY_SUCCEEDED);
    assert_int_equal(number(f, MISPLACED), 0);
    assert_int_equal(drain(f, "shop", 0), 16);
    assert_int_equal(drain(f, "shop", 10), 10);
}

static void test_the_mark_follows(void **state)
{
    struct fixture *f = *state;
    accept_rounds(f);
    assert_int_equal(number(f, MISPLACED), 0);
    assert_true(number(f, ON_SHELF) >= MANY);
    assert_int_equal(drain(f, "shop", 0), 2 * MANY);
    update_one(f, 1, DELIVERY_SUCCEEDED);     /* off the shelf */
    update_one(f, 2 * MANY, DELIVERY_QUEUED); /* on it, above the mark perhaps */
    update_one(f, 2 * MANY - 1, DELIVERY_SUCCEEDED);
    assert_int_equal(number(f, MISPLACED), 0);
    assert_int_equal(drain(f, "shop", 0), 2 * MANY - 2);
    assert_int_equal(drain(f, "shop", MANY - 1), MANY);
    fixture_reopen(f);
    assert_int_equal(drain(f, "shop", 0), 2 * MANY - 2);
}

/* Its number was drawn, and others came and grew old before it was written. */
static void test_a_late_one_below_the_mark(void **state)
{
    struct fixture *f = *state;
    accept_many(f, 1, 10, "shop");
    accept_many(f, 12, 2 * MANY, "shop");
    accept_many(f, 3 * MANY, MANY, "shop");
    assert_true(number(f, "SELECT above FROM fresh") > 11);
    accept_one(f, 11, "shop");
    assert_int_equal(number(f, MISPLACED), 0);
    assert_int_equal(drain(f, "shop", 0), 11 + 3 * MANY);
    assert_int_equal(number(f, "SELECT seq FROM strays"), 11);
    assert_int_equal(state_of(f, 11), DELIVERY_QUEUED);
    assert_int_equal(state_of(f, 10), DELIVERY_QUEUED);
    assert_int_equal(state_of(f, 12), DELIVERY_QUEUED);
}

/* --- ids ------------------------------------------------------------------------------------------------------ */

static void prepare_with_id(struct written *w, int64_t seq, int64_t id)
{
    prepare_delivery(w, seq, "shop");
    w->row.id = uuid_of(id);
}

static int64_t seq_of(struct fixture *f, int64_t id)
{
    struct asked q;
    struct store_read *r = answer_one(f, &q, id);
    int64_t seq = r->count == 0 ? 0 : r->rows[0].seq;
    store_read_fini(r);
    return seq;
}

static void test_ids_out_of_order(void **state)
{
    static const int64_t IDS[] = {100, 200, 150, 120, 300, 50, 400, 350, 500};
    enum { N = sizeof IDS / sizeof *IDS };
    struct fixture *f = *state;
    struct written w[N];
    for (int i = 0; i < N; i++) {
        prepare_with_id(&w[i], 10 + 3 * i, IDS[i]);
        submit(f, &w[i]);
    }
    fixture_wait(f, &w[N - 1].done);
    for (int round = 0; round < 2; round++, fixture_reopen(f)) {
        assert_int_equal(number(f, "SELECT count(*) FROM strays"), 4);
        for (int i = 0; i < N; i++)
            assert_int_equal(seq_of(f, IDS[i]), 10 + 3 * i);
        assert_int_equal(seq_of(f, 1), 0);
        assert_int_equal(seq_of(f, 160), 0);
        assert_int_equal(seq_of(f, 600), 0);
    }
}

static void expect_taken(struct fixture *f, int64_t seq, int64_t id)
{
    struct written w;
    prepare_with_id(&w, seq, id);
    submit_and_wait(f, &w);
    assert_true(w.failed);
    assert_non_null(strstr(w.why.message, "UNIQUE"));
    assert_int_equal(seq_of(f, id) == seq, false);
}

/* Whichever it is: in order, a stray, above all. */
static void test_ids_are_unique(void **state)
{
    struct fixture *f = *state;
    struct written w[4];
    static const int64_t IDS[] = {100, 200, 150, 300};
    for (int i = 0; i < 4; i++) {
        prepare_with_id(&w[i], 10 + i, IDS[i]);
        submit_and_wait(f, &w[i]);
        assert_false(w[i].failed);
    }
    for (int round = 0; round < 2; round++, fixture_reopen(f))
        for (int i = 0; i < 4; i++) {
            expect_taken(f, 50 + i, IDS[i]);
            expect_taken(f, 1 + i, IDS[i]);
        }
    prepare_with_id(&w[0], 5, 900); /* a stray by its number, above all by its id */
    submit_and_wait(f, &w[0]);
    expect_taken(f, 60, 900);
    accept_one(f, 1000, "shop");
    assert_int_equal(number(f, "SELECT count(*) FROM deliveries"), 6);
    assert_int_equal(number(f, "SELECT count(*) FROM strays"), 2);
}

static void test_strays_are_purged(void **state)
{
    struct fixture *f = *state;
    struct written w;
    accept_many(f, 10, 5, "shop");
    prepare_with_id(&w, 20, 1);
    submit_and_wait(f, &w);
    accept_one(f, 30, "shop");
    update_one(f, 20, DELIVERY_SUCCEEDED);
    assert_int_equal(number(f, "SELECT count(*) FROM strays"), 1);
    fixture_close(f);
    f->keep_ms = 1000;
    clock_ms += 2000;
    fixture_open(f);
    expect_soon(f, "SELECT count(*) FROM deliveries", 6);
    expect_soon(f, "SELECT count(*) FROM strays", 0);
    prepare_with_id(&w, 40, 1);
    submit_and_wait(f, &w); /* nobody has it any more */
    assert_false(w.failed);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_fresh_ones_are_on_no_shelf),
        WITH_STORE(test_the_mark_follows),
        WITH_STORE(test_a_late_one_below_the_mark),
        WITH_STORE(test_ids_out_of_order),
        WITH_STORE(test_ids_are_unique),
        WITH_STORE(test_strays_are_purged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
