#include "core/log.h"

#include "core/json_write.h"
#include "core/secrets.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ends[2];
static struct log lines;

static int64_t fixed_clock(void)
{
    return 1795428001234; /* 2026-11-23T10:00:01.234Z */
}

static int setup(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    unsetenv("ANZOL_LOG");
    if (pipe(ends) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 || fcntl(ends[1], F_SETPIPE_SZ, 1 << 18) < 0)
        return -1;
    alarm(300); /* whoever waits for a reader waits for ever */
    log_init(&lines, ends[1]);
    lines.wall_ms = fixed_clock;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    alarm(0);
    log_fini(&lines);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* All that was written since; the caller frees it. */
static char *written(void)
{
    struct buf b;
    char some[4096];
    ssize_t n;
    buf_init(&b);
    while ((n = read(ends[0], some, sizeof some)) > 0)
        buf_append(&b, some, (size_t)n);
    return buf_take(&b, NULL);
}

static void check_written(const char *want)
{
    log_flush(&lines);
    char *text = written();
    assert_string_equal(text, want);
    free(text);
}

static void the_environment_chooses_the_format(void **state)
{
    struct log l;
    (void)state;
    assert_int_equal(lines.format, LOG_JSON);
    assert_false(lines.color);
    assert_int_equal(lines.level, LOG_INFO);
    setenv("ANZOL_LOG", "text", 1);
    log_init(&l, ends[1]);
    assert_int_equal(l.format, LOG_TEXT);
    assert_false(l.color);
    setenv("ANZOL_LOG", "json", 1);
    log_init(&l, ends[1]);
    assert_int_equal(l.format, LOG_JSON);
    unsetenv("ANZOL_LOG");
}

static void a_terminal_gets_text_and_colour(void **state)
{
    struct log l;
    (void)state;
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0)
        skip();
    unsetenv("NO_COLOR");
    log_init(&l, terminal);
    assert_int_equal(l.format, LOG_TEXT);
    assert_true(l.color);
    setenv("NO_COLOR", "1", 1);
    log_init(&l, terminal);
    assert_false(l.color);
    unsetenv("NO_COLOR");
    close(terminal);
}

static void json_lines(void **state)
{
    (void)state;
    log_line(&lines, LOG_INFO, "delivery.attempt", LOG_STR("webhook", "order\"\n"), LOG_STR("error", ""),
             LOG_STR("no", NULL), LOG_BYTES("raw", ((struct bytes){"\xFF", 1})), LOG_INT("status", -503),
             LOG_DURATION_US("took", 1234), LOG_BOOL("key", true));
    check_written(
        "{\"time\":\"2026-11-23T10:00:01.234Z\",\"level\":\"info\",\"event\":\"delivery.attempt\","
        "\"webhook\":\"order\\\"\\n\",\"raw\":\"\xEF\xBF\xBD\",\"status\":-503,\"took_ms\":1.234,\"key\":true}\n");
}

static void text_lines(void **state)
{
    (void)state;
    lines.format = LOG_TEXT;
    log_line(&lines, LOG_INFO, "delivery.attempt", LOG_STR("webhook", "order_paid"), LOG_STR("error", ""),
             LOG_INT("attempt", 2), LOG_DURATION_US("took", 12340), LOG_BOOL("key", false));
    log_line(&lines, LOG_ERROR, "x", LOG_DURATION_US("a", 900), LOG_DURATION_US("b", 2345678),
             LOG_BYTES("c", bytes_of("")));
    check_written("10:00:01.234 INFO  delivery.attempt webhook=order_paid attempt=2 took=12.3ms key=false\n"
                  "10:00:01.234 ERROR x a=900us b=2.346s c=\"\"\n");
    lines.color = true;
    log_line(&lines, LOG_WARN, "x", LOG_INT("n", 1));
    check_written("10:00:01.234 \033[33mWARN \033[0m x n=1\n");
}

static void ids_are_written_as_they_are(void **state)
{
    struct uuid id;
    (void)state;
    assert_int_equal(uuid_parse(bytes_of("019aaf00-12ab-7cde-8f01-23456789abcd"), &id), 0);
    log_line(&lines, LOG_INFO, "x", LOG_UUID("id", &id), LOG_INT("least", INT64_MIN), LOG_DURATION_US("a", 0));
    check_written("{\"time\":\"2026-11-23T10:00:01.234Z\",\"level\":\"info\",\"event\":\"x\","
                  "\"id\":\"019aaf00-12ab-7cde-8f01-23456789abcd\",\"least\":-9223372036854775808,\"a_ms\":0.0}\n");
    lines.format = LOG_TEXT;
    lines.clock[0] = '\0';
    log_line(&lines, LOG_INFO, "x", LOG_UUID("id", &id));
    check_written("10:00:01.234 INFO  x id=019aaf00-12ab-7cde-8f01-23456789abcd\n");
}

static void durations_are_numbers_of_json(void **state)
{
    static const int64_t us[] = {1,    9,    10,   99,    100,      120,         999, 1000,
                                 1001, 1010, 1100, 20000, 30000000, 86400000001, -1,  -1500};
    char number[32], want[160];
    (void)state;
    for (size_t i = 0; i < sizeof us / sizeof *us; i++) {
        log_line(&lines, LOG_INFO, "x", LOG_DURATION_US("a", us[i]));
        assert_int_equal(json_number(number, (double)us[i] / 1000), 0);
        snprintf(want, sizeof want,
                 "{\"time\":\"2026-11-23T10:00:01.234Z\",\"level\":\"info\",\"event\":\"x\",\"a_ms\":%s}\n", number);
        check_written(want);
    }
}

static int64_t moving_ms;

static int64_t moving_clock(void)
{
    return moving_ms;
}

static void check_time(int64_t ms, const char *want)
{
    char line[128];
    moving_ms = ms;
    log_line(&lines, LOG_INFO, "x", LOG_INT("n", 1));
    snprintf(line, sizeof line, "{\"time\":\"%s\",\"level\":\"info\",\"event\":\"x\",\"n\":1}\n", want);
    check_written(line);
}

static void the_clock_goes_on_and_back(void **state)
{
    (void)state;
    lines.wall_ms = moving_clock;
    check_time(1795428001234, "2026-11-23T10:00:01.234Z");
    check_time(1795428001999, "2026-11-23T10:00:01.999Z");
    check_time(1795428002000, "2026-11-23T10:00:02.000Z");
    check_time(1795428001007, "2026-11-23T10:00:01.007Z");
    check_time(-1, "1969-12-31T23:59:59.999Z");
    check_time(0, "1970-01-01T00:00:00.000Z");
}

static void a_key_of_others_is_escaped(void **state)
{
    (void)state;
    log_line(&lines, LOG_INFO, "x", (struct log_field){.key = "a\"b", .kind = LOG_FIELD_INT, .n = 1},
             (struct log_field){.key = "", .kind = LOG_FIELD_INT, .n = 2},
             (struct log_field){.key = "long enough\n", .kind = LOG_FIELD_INT, .n = 3});
    check_written("{\"time\":\"2026-11-23T10:00:01.234Z\",\"level\":\"info\",\"event\":\"x\",\"a\\\"b\":1,\"\":2,"
                  "\"long enough\\n\":3}\n");
}

static void a_value_cannot_forge_a_line(void **state)
{
    (void)state;
    lines.format = LOG_TEXT;
    log_line(&lines, LOG_INFO, "x", LOG_STR("a", "b\n10:00:00.000 ERROR c=d"), LOG_STR("e", "f=g"),
             LOG_STR("q", "\"\\"), LOG_STR("esc", "\033[2J\r\t\x7F"),
             LOG_STR("c1", "\xC2\x9B"
                           "2J"),
             LOG_STR("bad", "\xFF\xC3"), LOG_STR("utf", "\xC3\xA9\xE2\x82\xAC"),
             LOG_STR("both", "\xC3\xA9 \xF0\x9F\x98\x80"));
    check_written("10:00:01.234 INFO  x a=\"b\\n10:00:00.000 ERROR c=d\" e=\"f=g\" q=\"\\\"\\\\\" "
                  "esc=\"\\x1b[2J\\x0d\\x09\\x7f\" c1=\"\\x9b2J\" bad=\"\\xff\\xc3\" utf=\xC3\xA9\xE2\x82\xAC "
                  "both=\"\xC3\xA9 \xF0\x9F\x98\x80\"\n");
}

static void lower_levels_are_left_out(void **state)
{
    (void)state;
    log_line(&lines, LOG_DEBUG, "x", LOG_INT("n", 1));
    check_written("");
    lines.level = LOG_DEBUG;
    log_line(&lines, LOG_DEBUG, "x", LOG_INT("n", 1));
    check_written("{\"time\":\"2026-11-23T10:00:01.234Z\",\"level\":\"debug\",\"event\":\"x\",\"n\":1}\n");
}

static void values_are_masked(void **state)
{
    char text[] = "Bearer tok\"en 2026";
    struct secrets *s = secrets_new(NULL);
    (void)state;
    assert_non_null(s);
    assert_int_equal(secrets_set(s, bytes_of("A"), bytes_of("tok\"en"), NULL), 0);
    assert_int_equal(secrets_set(s, bytes_of("B"), bytes_of("2026"), NULL), 0);
    lines.secrets = s;
    log_line(&lines, LOG_INFO, "x", LOG_STR("a", text), LOG_INT("n", 2026));
    check_written(
        "{\"time\":\"2026-11-23T10:00:01.234Z\",\"level\":\"info\",\"event\":\"x\",\"a\":\"Bearer ****** ****\","
        "\"n\":2026}\n");
    assert_string_equal(text, "Bearer tok\"en 2026"); /* the caller's stays as it is */
    lines.secrets = NULL;
    secrets_free(s);
}

static void much_is_written_without_waiting_for_the_flush(void **state)
{
    char text[1000];
    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 60; i++)
        log_line(&lines, LOG_INFO, "x", LOG_STR("a", text));
    char *early = written();
    assert_string_equal(early, "");
    free(early);
    for (int i = 0; i < 10; i++)
        log_line(&lines, LOG_INFO, "x", LOG_STR("a", text));
    early = written();
    assert_true(strlen(early) > 60000);
    free(early);
    log_flush(&lines);
    free(written());
}

static void check_whole_lines(const char *text)
{
    for (const char *p = text; *p != '\0'; p = strchr(p, '\n') + 1) {
        assert_memory_equal(p, "{\"time\"", 7);
        assert_non_null(strchr(p, '\n'));
        assert_int_equal(strchr(p, '\n')[-1], '}');
    }
}

static void flush_until_read(struct buf *all)
{
    for (bool waits = true; waits;) {
        waits = log_waits(&lines);
        log_flush(&lines);
        char *some = written();
        buf_append_str(all, some);
        free(some);
    }
}

static int count_of(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

static void log_long_lines(int count)
{
    char text[1000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < count; i++) {
        log_line(&lines, LOG_INFO, "x", LOG_INT("n", i), LOG_STR("a", text));
        log_flush(&lines);
    }
}

static void a_pipe_that_is_not_read_for_a_while_loses_nothing(void **state)
{
    struct buf all;
    (void)state;
    buf_init(&all);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
    log_long_lines(500);
    assert_true(log_waits(&lines));
    flush_until_read(&all);
    assert_int_equal(lines.dropped, 0);
    assert_non_null(buf_cstr(&all));
    check_whole_lines(all.data);
    assert_int_equal(count_of(all.data, "\n"), 500);
    assert_int_equal(count_of(all.data, "log.dropped"), 0);
    buf_fini(&all);
}

static void lines_that_are_missing_are_counted_where_they_are_missing(void **state)
{
    struct buf all;
    char want[64];
    (void)state;
    buf_init(&all);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
    log_long_lines(1500);
    int lost = (int)lines.dropped;
    assert_in_range(lost, 400, 600);
    log_line(&lines, LOG_INFO, "again", LOG_INT("n", 1));
    flush_until_read(&all); /* "again" comes too early: it is lost too */
    assert_int_equal(lines.dropped, lost + 1);
    log_line(&lines, LOG_INFO, "later", LOG_INT("n", 2));
    flush_until_read(&all);
    assert_int_equal(lines.dropped, lost + 1); /* for the metrics: it does not go down */
    assert_non_null(buf_cstr(&all));
    check_whole_lines(all.data);
    assert_int_equal(count_of(all.data, "\n"), 1500 - lost + 2);
    snprintf(want, sizeof want, "\"event\":\"log.dropped\",\"count\":%d}\n{", lost + 1);
    const char *told = strstr(all.data, want);
    assert_non_null(told);
    assert_non_null(strstr(told, "\"later\""));
    assert_null(strstr(told, "\"x\""));
    assert_int_equal(count_of(all.data, "log.dropped"), 1);
    buf_fini(&all);
}

static void the_end_says_what_nobody_took(void **state)
{
    (void)state;
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
    log_long_lines(10);
    log_fini(&lines);                     /* and does not wait for ever */
    assert_in_range(lines.dropped, 6, 9); /* the pipe has the others */
    free(written());
    log_init(&lines, ends[1]);
    lines.dropped = 7; /* as when the reader is back at the last moment */
    log_fini(&lines);
    char *text = written();
    assert_non_null(strstr(text, "\"event\":\"log.dropped\",\"count\":7}"));
    free(text);
    log_init(&lines, ends[1]);
}

/* As a load's on its own thread. */
static void lines_gathered_beside_are_taken_over(void **state)
{
    struct log beside;
    struct err e;
    char text[1000];
    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct secrets *s = secrets_new(&e);
    assert_non_null(s);
    assert_int_equal(secrets_set(s, bytes_of("T"), bytes_of("hush-hush"), &e), 0);
    lines.secrets = s; /* which the one beside does not know */
    log_init_beside(&beside, &lines);
    log_line(&beside, LOG_INFO, "x", LOG_STR("a", "hush-hush"));
    beside.dropped = 3;
    log_take(&lines, &beside);
    assert_int_equal(beside.out.len, 0);
    assert_int_equal(beside.dropped, 0);
    assert_int_equal(lines.dropped, 3);
    log_flush(&lines);
    assert_int_equal(lines.told, 3);
    char *out = written();
    assert_non_null(strstr(out, "\"a\":\"*********\""));
    assert_non_null(strstr(out, "\"event\":\"log.dropped\",\"count\":3}"));
    free(out);
    for (int i = 0; i < 60; i++) {
        log_line(&beside, LOG_INFO, "x", LOG_STR("a", text));
        log_line(&lines, LOG_INFO, "y", LOG_STR("a", text));
    }
    log_take(&lines, &beside); /* much: it does not wait for the flush */
    out = written();
    assert_true(strlen(out) > 60000);
    free(out);
    log_flush(&lines);
    free(written());
    lines.secrets = NULL;
    log_fini(&beside);
    secrets_free(s);
}

static void a_closed_descriptor_is_survived(void **state)
{
    struct log l;
    (void)state;
    log_init(&l, -1);
    for (int i = 0; i < 10; i++) {
        log_line(&l, LOG_INFO, "x", LOG_INT("n", i));
        log_flush(&l);
    }
    assert_int_equal(l.dropped, 10);
    assert_int_equal(l.out.len, 0);
    assert_false(log_waits(&l)); /* there is nothing to look again for */
    log_fini(&l);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_environment_chooses_the_format),
        TEST(a_terminal_gets_text_and_colour),
        TEST(json_lines),
        TEST(text_lines),
        TEST(ids_are_written_as_they_are),
        TEST(durations_are_numbers_of_json),
        TEST(the_clock_goes_on_and_back),
        TEST(a_key_of_others_is_escaped),
        TEST(a_value_cannot_forge_a_line),
        TEST(lines_gathered_beside_are_taken_over),
        TEST(lower_levels_are_left_out),
        TEST(values_are_masked),
        TEST(much_is_written_without_waiting_for_the_flush),
        TEST(a_pipe_that_is_not_read_for_a_while_loses_nothing),
        TEST(lines_that_are_missing_are_counted_where_they_are_missing),
        TEST(the_end_says_what_nobody_took),
        TEST(a_closed_descriptor_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
