#include "test_store_runs.h"

#include "store/apply_form.h"

/* The events that came before anyone knew in which form they would be waited for. */

static void come(struct fixture *f, int64_t seq, const char *name, const char *body)
{
    struct store_event v = {
        .seq = seq, .id = uuid_of(seq), .name = bytes_of(name), .body = bytes_of(body), .received_ms = clock_ms};
    struct store_accept a = {.base = {.kind = STORE_ACCEPT}, .event = &v};
    write_one(f, &a.base);
}

/* Run 1 waits for `key` in `form`; the seq of the event that ended it, 0: none. */
static int64_t met(struct fixture *f, const char *name, const char *form, const char *key)
{
    struct bytes forms[] = {bytes_of(name), bytes_of(form)};
    struct store_step s = wait_of(1, 1, key);
    struct store_advance v = advance_of(1, RUN_WAITING, &s, 1);
    v.forms = forms;
    v.form_count = 1;
    v.arrived_after = 1;
    write_one(f, &v.base);
    struct store_read_runs q = look(f, 1);
    int64_t ref = q.steps[0].ref;
    assert_int_equal(v.woken, ref != 0);
    assert_int_equal(q.runs[0].state, ref != 0 ? RUN_READY : RUN_WAITING);
    store_read_fini(&q.base);
    return ref;
}

static const struct {
    const char *form, *key, *body;
    bool meets;
} cases[] = {
    {"", "[\"e\"]", "{\"name\":\"e\"}", true},
    {"Id", "[\"e\",\"Id\",7]", "{\"data\":{\"Id\":7}}", true},
    {"Id", "[\"e\",\"Id\",7]", "{\"data\":{\"Id\":7.0}}", true},
    {"Id", "[\"e\",\"Id\",7]", "{\"data\":{\"Id\":\"7\"}}", false},
    {"Id", "[\"e\",\"Id\",7]", "{\"data\":{\"id\":7}}", false},
    {"Id", "[\"e\",\"Id\",7]", "{\"data\":{\"Id\":null}}", false},
    {"Id", "[\"e\",\"Id\",7]", "{\"data\":{\"Id\":[7]}}", false},
    {"Id", "[\"e\",\"Id\",7]", "{\"name\":\"e\"}", false},
    {"Id", "[\"e\",\"Id\",7.5]", "{\"data\":{\"Id\":75e-1}}", true},
    {"Id", "[\"e\",\"Id\",0.1]", "{\"data\":{\"Id\":0.1}}", true},
    {"Id", "[\"e\",\"Id\",9007199254740993]", "{\"data\":{\"Id\":9007199254740993}}", true},
    {"Id", "[\"e\",\"Id\",10000000000000000]", "{\"data\":{\"Id\":1e16}}", true},
    {"Id", "[\"e\",\"Id\",-3]", "{\"data\":{\"Id\":-3}}", true},
    {"On", "[\"e\",\"On\",true]", "{\"data\":{\"On\":true}}", true},
    {"On", "[\"e\",\"On\",true]", "{\"data\":{\"On\":1}}", false},
    {"On", "[\"e\",\"On\",false]", "{\"data\":{\"On\":false}}", true},
    {"T", "[\"e\",\"T\",\"\"]", "{\"data\":{\"T\":\"\"}}", true},
    {"T", "[\"e\",\"T\",\"a\\\"b\\\\c/d\\n\xC3\xA9\"]", "{\"data\":{\"T\":\"a\\\"b\\\\c\\/d\\n\\u00e9\"}}", true},
    {"A.B\nC", "[\"e\",\"A.B\",1,\"C\",\"x\"]", "{\"data\":{\"C\":\"x\",\"A\":{\"B\":1}}}", true},
    {"A.B\nC", "[\"e\",\"A.B\",1,\"C\",\"x\"]", "{\"data\":{\"C\":\"y\",\"A\":{\"B\":1}}}", false},
    {"L[1].Id", "[\"e\",\"L[1].Id\",5]", "{\"data\":{\"L\":[{\"Id\":4},{\"Id\":5}]}}", true},
    {"L[0][1]", "[\"e\",\"L[0][1]\",5]", "{\"data\":{\"L\":[[4,5]]}}", true},
    {"L[1].Id", "[\"e\",\"L[1].Id\",5]", "{\"data\":{\"L\":[{\"Id\":5}]}}", false},
    {"A b.\xC3\xA9", "[\"e\",\"A b.\xC3\xA9\",1]", "{\"data\":{\"A b\":{\"\xC3\xA9\":1}}}", true},
    {"a\"b", "[\"e\",\"a\\\"b\",1]", "{\"data\":{\"a\\\"b\":1}}", false},
    {"Id", "[\"e\",\"Id\",7]", "no JSON", false},
};

static void test_keys(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_teardown((void **)&f);
        assert_int_equal(fixture_setup((void **)&f), 0);
        begin(f, 1, "");
        come(f, 2, "e", cases[i].body);
        if (met(f, "e", cases[i].form, cases[i].key) != (cases[i].meets ? 2 : 0))
            fail_msg("%s in %s", cases[i].key, cases[i].body);
    }
    *state = f;
}

static void test_only_of_the_name_and_after_the_run(void **state)
{
    struct fixture *f = *state;
    come(f, 1, "e", "{}");
    begin(f, 2, "");
    begin(f, 1, "");
    come(f, 3, "other", "{}");
    assert_int_equal(met(f, "e", "", "[\"e\"]"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM arrivals"), 1);
}

/* Once: what comes later brings its keys itself. */
static void test_once(void **state)
{
    struct fixture *f = *state;
    begin(f, 1, "");
    assert_int_equal(met(f, "e", "", "[\"e\"]"), 0);
    come(f, 2, "e", "{}");
    struct store_step s = wait_of(1, 2, "[\"e\"]");
    struct bytes forms[] = {bytes_of("e"), bytes_of("")};
    struct store_advance v = advance_of(1, RUN_WAITING, &s, 1);
    v.forms = forms;
    v.form_count = 1;
    write_one(f, &v.base);
    assert_false(v.woken);
}

/* How far back is bounded, whatever the name. */
static void test_not_all_events_there_ever_were(void **state)
{
    struct fixture *f = *state;
    char sql[400];
    sqlite3 *db;
    begin(f, 1, "");
    fixture_close(f);
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
             "INSERT INTO events(seq, id, key, name, received_ms, deliveries, body, runs) "
             "SELECT i, zeroblob(16), NULL, 'e', 1, '', '{\"data\":{\"Id\":' || i || '}}', '' FROM n",
             APPLY_FORM_BACK + 11);
    assert_int_equal(sqlite3_open(fixture_path(f, "anzol.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    fixture_open(f);
    assert_int_equal(met(f, "e", "Id", "[\"e\",\"Id\",9]"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM arrivals"), APPLY_FORM_BACK + 1);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_keys),
        WITH_STORE(test_only_of_the_name_and_after_the_run),
        WITH_STORE(test_once),
        WITH_STORE(test_not_all_events_there_ever_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
