#include "core/units.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"250ms", 250},
        {"30s", 30000},
        {"6m", 360000},
        {"2h", 7200000},
        {"1d", 86400000},
        {"1.5s", 1500},
        {"0.25s", 250},
        {"30", 30000},
        {"1.5", 1500},
        {"0", 0},
        {"0s", 0},
        {"1h30m", 5400000},
        {"1d2h3m4s5ms", 93784005},
        {"1m30.5s", 90500},
        {"0.0004s", 0},
        {"0.0006s", 1},
        {"1.2345678901234s", 1235},
        {"3650d", 315360000000},
        {"315360000", 315360000000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = -1;
        assert_int_equal(units_parse_duration(bytes_of(cases[i].text), &ms), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void other_durations_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "s",
        "-1s",
        "+1s",
        "1x",
        "1 s",
        " 1s",
        "1s ",
        "1.s",
        ".5s",
        "1..5s",
        "1m2",
        "30m1h",
        "5s5s",
        "1ss",
        "3651d",
        "315360001",
        "3650d1ms",
        "99999999999999999999",
        "1e3s",
        "1h-5m",
        "ms",
        "1S",
        "1.",
    };
    int64_t ms;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(units_parse_duration(bytes_of(bad[i]), &ms), -1);
    assert_int_equal(units_parse_duration((struct bytes){"1\0s", 3}, &ms), -1);
}

static void durations_are_written(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {1, "1ms"},
        {250, "250ms"},
        {1000, "1s"},
        {1500, "1.5s"},
        {1050, "1.05s"},
        {1001, "1.001s"},
        {120000, "2m"},
        {5400000, "1h30m"},
        {90500, "1m30.5s"},
        {60001, "1m0.001s"},
        {86400000, "1d"},
        {90000000, "1d1h"},
        {-1500, "-1.5s"},
        {-5, "-5ms"},
        {3600000, "1h"},
        {INT64_MAX, "106751991167d7h12m55.807s"},
        {INT64_MIN, "-106751991167d7h12m55.808s"},
    };
    char text[32];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        units_format_duration(cases[i].ms, text);
        assert_string_equal(text, cases[i].text);
    }
    for (int64_t ms = 0; ms < 315360000000; ms += ms / 3 + 1) {
        int64_t back;
        units_format_duration(ms, text);
        assert_int_equal(units_parse_duration(bytes_of(text), &back), 0);
        assert_int_equal(back, ms);
    }
}

static void times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01", 0},
        {"2026-11-23T10:00:00.123Z", 1795428000123},
        {"2026-11-23T10:00:00.5Z", 1795428000500},
        {"2026-11-23T10:00:00.123999Z", 1795428000123},
        {"2026-11-23T10:00:00", 1795428000000},
        {"2026-11-23t10:00:00z", 1795428000000},
        {"2026-11-23 10:00:00", 1795428000000},
        {"2026-11-23T12:00:00+02:00", 1795428000000},
        {"2026-11-23T04:30:00.000-05:30", 1795428000000},
        {"2024-02-29", 1709164800000},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"0000-01-01", -62167219200000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"-1h", 1000000000000 - 3600000},
        {"-0", 1000000000000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t t = 7;
        assert_int_equal(units_parse_time(bytes_of(cases[i].text), 1000000000000, &t), 0);
        assert_int_equal(t, cases[i].ms);
    }
}

static void other_times_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "-",
        "now",
        "1h",
        "2026",
        "2026-1-01",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-01-32",
        "2026-04-31",
        "2023-02-29",
        "1900-02-29",
        "2026-02-30",
        "2026-11-23T",
        "2026-11-23T10:00",
        "2026-11-23T24:00:00Z",
        "2026-11-23T10:60:00Z",
        "2026-11-23T10:00:61Z",
        "2026-11-23T10:00:00.Z",
        "2026-11-23T10:00:00X",
        "2026-11-23T10:00:00+2",
        "2026-11-23T10:00:00+0200",
        "2026-11-23T10:00:00+24:00",
        "2026-11-23T10:00:00ZZ",
        "2026-11-23Z",
        " 2026-11-23",
        "2026-11-23 ",
        "-1x",
        "--1h",
        "+026-11-23",
        "2026/11/23",
    };
    int64_t t;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(units_parse_time(bytes_of(bad[i]), 0, &t), -1);
    assert_int_equal(units_parse_time(bytes_of("-1h"), INT64_MIN, &t), -1);
}

static void times_are_written(void **state)
{
    static const int64_t times[] = {
        0, -1, 1795428000123, 951782400000, 4107542399999, -62167219200000, 253402300799999};
    char text[UNITS_TIME_SIZE];
    (void)state;
    units_format_time(1795428000123, text);
    assert_string_equal(text, "2026-11-23T10:00:00.123Z");
    units_format_time(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    units_format_time(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    units_format_time(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        int64_t back;
        units_format_time(times[i], text);
        assert_int_equal(units_parse_time(bytes_of(text), 0, &back), 0);
        assert_int_equal(back, times[i]);
    }
}

static void times_are_those_of_the_calendar(void **state)
{
    static const int64_t last_s = 253402300799, step_s = 86400 * 11 + 3607;
    char text[UNITS_TIME_SIZE], want[64];
    (void)state;
    for (int64_t s = -62167219200; s <= last_s; s += step_s) {
        time_t t = (time_t)s;
        struct tm tm;
        assert_non_null(gmtime_r(&t, &tm));
        snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.007Z", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
        units_format_time(s * MS_PER_S + 7, text);
        assert_string_equal(text, want);
    }
}

static void http_dates(void **state)
{
    static const char *const good[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994"};
    static const char *const bad[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994T08:49:37 GMT",
        "Sun, 06 Nov 199",
        "Sun Nov 6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "06 Nov 1994 08:49:37 GMT",
    };
    int64_t t;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(units_parse_http_date(bytes_of(good[i]), &t), 0);
        assert_int_equal(t, 784111777000);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(units_parse_http_date(bytes_of(bad[i]), &t), -1);
    assert_int_equal(units_parse_http_date(bytes_of("Wed Nov 16 08:49:37 1994"), &t), 0);
    assert_int_equal(units_parse_http_date(bytes_of("Friday, 31-Dec-69 23:59:59 GMT"), &t), 0);
    assert_true(t > 3000000000000);
}

static void retry_after(void **state)
{
    (void)state;
    assert_int_equal(units_parse_retry_after(bytes_of("120"), 0), 120000);
    assert_int_equal(units_parse_retry_after(bytes_of(" 0\t"), 0), 0);
    assert_int_equal(units_parse_retry_after(bytes_of("99999999999999999999999"), 0), 315360000000);
    assert_int_equal(units_parse_retry_after(bytes_of("Sun, 06 Nov 1994 08:49:37 GMT"), 784111770000), 7000);
    assert_int_equal(units_parse_retry_after(bytes_of("Sun, 06 Nov 1994 08:49:37 GMT"), 784111779000), 0);
    assert_int_equal(units_parse_retry_after(bytes_of(""), 0), -1);
    assert_int_equal(units_parse_retry_after(bytes_of("-5"), 0), -1);
    assert_int_equal(units_parse_retry_after(bytes_of("1.5"), 0), -1);
    assert_int_equal(units_parse_retry_after(bytes_of("soon"), 0), -1);
}

static void random_text_never_harms(void **state)
{
    static const char alphabet[] = "0123456789-:.TZ+ ,dhmsSunNovGMT";
    int64_t out;
    (void)state;
    srand(1);
    for (int i = 0; i < 200000; i++) {
        char text[32];
        size_t len = (size_t)rand() % sizeof text;
        for (size_t j = 0; j < len; j++)
            text[j] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        struct bytes view = {text, len};
        (void)units_parse_duration(view, &out);
        (void)units_parse_time(view, 0, &out);
        (void)units_parse_http_date(view, &out);
        (void)units_parse_retry_after(view, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(other_durations_are_refused),
        cmocka_unit_test(durations_are_written),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(other_times_are_refused),
        cmocka_unit_test(times_are_written),
        cmocka_unit_test(times_are_those_of_the_calendar),
        cmocka_unit_test(http_dates),
        cmocka_unit_test(retry_after),
        cmocka_unit_test(random_text_never_harms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
