/* The host's small parts: the table and queue of deliveries, the waiters, the state folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "host/folder.h"
#include "host/forms.h"
#include "host/live.h"
#include "host/waiters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct live *live(int64_t seq)
{
    struct uuid id = {{0}};
    struct live *l = live_new(&id, seq, bytes_of("webhook"), bytes_of("request"));
    assert_non_null(l);
    return l;
}

static void test_live_copies_its_texts(void **state)
{
    (void)state;
    char webhook[] = "w", request[] = "r";
    struct uuid id = {{1}};
    struct live *l = live_new(&id, 5, bytes_of(webhook), bytes_of(request));
    webhook[0] = request[0] = 'x';
    assert_memory_equal(l->webhook.data, "w", 1);
    assert_memory_equal(l->request.data, "r", 1);
    live_free(l);
}

static void test_table_finds_what_was_added(void **state)
{
    (void)state;
    struct live_table t;
    live_table_init(&t);
    assert_null(live_table_find(&t, 1));
    for (int64_t i = 1; i <= 5000; i++)
        assert_int_equal(live_table_add(&t, live(i * 7)), 0);
    for (int64_t i = 1; i <= 5000; i++)
        assert_int_equal(live_table_find(&t, i * 7)->seq, i * 7);
    struct live *gone = live_table_find(&t, 700);
    live_table_remove(&t, gone);
    live_table_remove(&t, gone);
    live_free(gone);
    assert_null(live_table_find(&t, 700));
    assert_int_equal(t.count, 4999);
    live_table_fini(&t);
}

/* A buffer that found no memory stays so by itself. */
static void test_forms_go_on_after_want_of_memory(void **state)
{
    (void)state;
    struct forms f = {0};
    assert_int_equal(forms_add(&f, bytes_of("paid"), bytes_of("Id")), 0);
    f.lists[0].text.failed = true;
    assert_int_equal(forms_add(&f, bytes_of("paid"), bytes_of("Order")), -1);
    assert_true(bytes_equal(forms_of(&f, bytes_of("paid")), bytes_of("Id")));
    assert_int_equal(forms_add(&f, bytes_of("paid"), bytes_of("Order")), 0);
    assert_true(bytes_equal(forms_of(&f, bytes_of("paid")), (struct bytes){"Id\0Order", 8}));
    assert_int_equal(forms_add(&f, bytes_of("paid"), bytes_of("Order")), 0);
    assert_int_equal(forms_of(&f, bytes_of("paid")).len, 8);
    assert_null(forms_of(&f, bytes_of("sold")).data);
    forms_fini(&f);
}

static void test_queue_is_first_in_first_out(void **state)
{
    (void)state;
    struct live_queue q;
    live_queue_init(&q);
    for (int round = 0; round < 2; round++) {
        for (int64_t i = 0; i < 3; i++)
            live_queue_push(&q, live(i));
        for (int64_t i = 0; i < 3; i++) {
            struct live *l = live_queue_pop(&q);
            assert_int_equal(l->seq, i);
            live_free(l);
        }
        assert_null(live_queue_pop(&q));
    }
}

struct ended {
    int final, late;
    void *last;
};

static void on_end(void *ud, const struct waiter *w, bool ended)
{
    struct ended *e = ud;
    *(ended ? &e->final : &e->late) += 1;
    e->last = w->call;
}

static void test_waiters_end_once(void **state)
{
    (void)state;
    struct timers timers;
    struct waiters ws;
    struct ended e = {0};
    struct uuid id = {{0}};
    int a, b, c;
    timers_init(&timers);
    waiters_init(&ws, &timers);
    ws.on_end = on_end;
    ws.ud = &e;
    assert_int_equal(waiters_add(&ws, 1, &id, &a, 100), 0);
    assert_int_equal(waiters_add(&ws, 1 + WAITERS_BUCKETS, &id, &b, 200), 0);
    assert_int_equal(waiters_add(&ws, 2, &id, &c, 300), 0);
    waiters_final(&ws, 1);
    assert_int_equal(e.final, 1);
    assert_ptr_equal(e.last, &a);
    timers_run(&timers, 250);
    assert_int_equal(e.late, 1);
    assert_ptr_equal(e.last, &b);
    waiters_final(&ws, 1 + WAITERS_BUCKETS);
    assert_int_equal(e.final, 1);
    waiters_end(&ws);
    assert_int_equal(e.late, 2);
    assert_int_equal(timers_next(&timers), INT64_MAX);
    waiters_fini(&ws);
    timers_fini(&timers);
}

static void test_token_is_made_once_and_private(void **state)
{
    (void)state;
    char folder[] = "/tmp/anzol-unit-XXXXXX", file[64], first[FOLDER_TOKEN_SIZE], again[FOLDER_TOKEN_SIZE];
    struct stat s;
    struct err e;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(folder_make(folder, &e), 0);
    assert_int_equal(folder_token(folder, first, &e), 0);
    assert_int_equal(folder_token(folder, again, &e), 0);
    assert_string_equal(first, again);
    assert_int_equal(strlen(first), 64);
    snprintf(file, sizeof file, "%s/token", folder);
    assert_int_equal(stat(file, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs("short\n", f);
    fclose(f);
    assert_int_equal(folder_token(folder, again, &e), -1);
    assert_non_null(strstr(e.message, "token"));
    assert_null(strstr(e.message, "short"));
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void test_what_others_may_write_or_read_is_refused(void **state)
{
    (void)state;
    char folder[] = "/tmp/anzol-unit-XXXXXX", file[64], other[64], token[FOLDER_TOKEN_SIZE];
    struct stat s;
    struct err e;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/token", folder);
    snprintf(other, sizeof other, "%s/token.new", folder);
    assert_int_equal(chmod(folder, 0757), 0);
    assert_int_equal(folder_make(folder, &e), -1);
    assert_non_null(strstr(e.message, "may write in the state folder /tmp/anzol-unit-"));
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(folder_make(folder, &e), 0);

    assert_int_equal(symlink("elsewhere", other), 0);
    assert_int_equal(folder_token(folder, token, &e), 0);
    assert_int_equal(lstat(file, &s), 0);
    assert_true(S_ISREG(s.st_mode));
    assert_int_equal(chmod(file, 0604), 0);
    assert_int_equal(folder_token(folder, token, &e), -1);
    assert_non_null(strstr(e.message, "/token (mode 0604): chmod 600 /tmp/anzol-unit-"));
    assert_int_equal(chmod(file, 0440), 0);
    assert_int_equal(folder_token(folder, token, &e), 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_copies_its_texts),
        cmocka_unit_test(test_table_finds_what_was_added),
        cmocka_unit_test(test_forms_go_on_after_want_of_memory),
        cmocka_unit_test(test_queue_is_first_in_first_out),
        cmocka_unit_test(test_waiters_end_once),
        cmocka_unit_test(test_token_is_made_once_and_private),
        cmocka_unit_test(test_what_others_may_write_or_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
