/* manage: what a flow's runs.* comes to when it fails, above all for want of memory. What it asks is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/manage.h"
#include "host/orders.h"

#include <stdio.h>
#include <stdlib.h>

enum { RUN = 7, STEP = 3 };
static const char GET[] = "get 01890a5d-ac96-774b-bcce-b302099a8057";
static const char CANCEL[] = "cancel 01890a5d-ac96-774b-bcce-b302099a8057";

static struct env env;
static struct intake intake;
static struct store_read *asked; /* of the store */
static struct err refusal;       /* of orders_give(); domain ERR_NONE: none */
static orders_done *ordered;
static void *ordered_ud;
static int told;
static char result[1024];

void store_query(struct store *s, struct store_read *r)
{
    (void)s;
    asked = r;
}

void store_submit(struct store *s, struct store_write *w)
{
    (void)s, (void)w;
    fail();
}

size_t store_pending(const struct store *s)
{
    (void)s;
    return 0;
}

void store_read_fini(struct store_read *r)
{
    (void)r;
}

int orders_no_run(const struct uuid *id, struct err *e)
{
    (void)id;
    return err_set(e, ERR_INPUT, 404, "no run");
}

int orders_give(struct intake *in, const struct uuid *id, enum api_order order, const struct uuid *as,
                orders_done *done, void *ud, struct err *e)
{
    (void)in, (void)id, (void)as;
    assert_int_equal(order, API_CANCEL);
    if (refusal.domain != ERR_NONE) {
        *e = refusal;
        return -1;
    }
    ordered = done;
    ordered_ud = ud;
    return 0;
}

void runs_managed(struct runs *rs, int64_t run, int step, struct bytes r)
{
    (void)rs;
    assert_int_equal(run, RUN);
    assert_int_equal(step, STEP);
    told++;
    snprintf(result, sizeof result, "%.*s", (int)r.len, r.len > 0 ? r.data : "");
}

static int setup(void **state)
{
    (void)state;
    intake = (struct intake){.env = &env};
    err_clear(&refusal);
    told = 0;
    return 0;
}

static void start(const char *what)
{
    static const struct uuid id = {{1}};
    manage(&intake, RUN, &id, STEP, bytes_of(what));
}

static void assert_told(const char *want)
{
    assert_int_equal(told, 1);
    assert_string_equal(result, want);
    told = 0;
}

#define NO_DISK "{\"ok\":false,\"error\":\"the disk is gone\"}"

static void a_read_without_memory_ends_nothing(void **state)
{
    (void)state;
    struct err e;
    start(GET);
    err_set(&e, ERR_STORE, 0, "the disk is gone");
    asked->done(asked, &e);
    assert_told(NO_DISK);
    start(GET);
    err_memory(&e);
    asked->done(asked, &e);
    assert_told("");
}

static void an_order_without_memory_ends_nothing(void **state)
{
    (void)state;
    struct err e;
    struct uuid id = {{2}};
    err_set(&refusal, ERR_STORE, 0, "the disk is gone");
    start(CANCEL);
    assert_told(NO_DISK);
    err_memory(&refusal);
    start(CANCEL);
    assert_told("");
    err_clear(&refusal);
    start(CANCEL);
    err_memory(&e);
    ordered(ordered_ud, &id, RUN_READY, &e);
    assert_told("");
    start(CANCEL);
    ordered(ordered_ud, &id, RUN_CANCELED, NULL);
    assert_told("{\"ok\":true,\"value\":{\"id\":\"02000000-0000-0000-0000-000000000000\",\"state\":\"canceled\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_read_without_memory_ends_nothing, setup),
        cmocka_unit_test_setup(an_order_without_memory_ends_nothing, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
