#include "core/environment.h"
#include "core/secrets.h"

#include "core/base64.h"
#include "core/request.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct secrets *vault;
static char folder[64];

static int setup(void **state)
{
    struct err e;
    (void)state;
    strcpy(folder, "/tmp/anzol-secrets-XXXXXX");
    vault = secrets_new(&e);
    return vault == NULL || mkdtemp(folder) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    char path[128];
    (void)state;
    static const char *const names[] = {"env", "CRED", "BIG", "NOTHING"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    secrets_free(vault);
    unsetenv("CREDENTIALS_DIRECTORY");
    return rmdir(folder);
}

static void set(const char *name, const char *value)
{
    assert_int_equal(secrets_set(vault, bytes_of(name), bytes_of(value), NULL), 0);
}

static void check_value(const char *name, const char *want)
{
    assert_true(bytes_equal(secrets_get(vault, bytes_of(name)), bytes_of(want)));
}

static void check_mask(const char *text, const char *want)
{
    char copy[512];
    strcpy(copy, text);
    assert_int_equal(secrets_found(vault, bytes_of(text)), strcmp(text, want) != 0);
    assert_int_equal(secrets_mask(vault, copy, strlen(copy)), strcmp(text, want) != 0);
    assert_string_equal(copy, want);
}

static void values_are_kept_and_replaced(void **state)
{
    char name[32], value[64];
    (void)state;
    assert_null(secrets_get(vault, bytes_of("A")).data);
    set("A", "first value");
    set("E", "");
    assert_non_null(secrets_get(vault, bytes_of("E")).data);
    for (int i = 0; i < 500; i++) { /* the mapping moves a few times */
        snprintf(name, sizeof name, "N%d", i);
        snprintf(value, sizeof value, "value-%d-%d", i, i * 7919);
        set(name, value);
    }
    check_value("A", "first value");
    check_value("N499", "value-499-3951581");
    set("A", "second value");
    check_value("A", "second value");
    assert_int_equal(secrets_count(vault), 502);
    check_mask("first value, second value, value-7-55433", "first value, ************, *************");
    assert_int_equal(secrets_set(vault, bytes_of(""), bytes_of("x"), NULL), -1);
    char *big = calloc(1, 65537);
    assert_non_null(big);
    assert_int_equal(secrets_set(vault, bytes_of("BIG"), (struct bytes){big, 65537}, NULL), -1);
    assert_int_equal(secrets_set(vault, bytes_of("BIG"), (struct bytes){big, 65536}, NULL), 0);
    free(big);
}

static void the_mapping_is_left_out_of_dumps(void **state)
{
    char line[512];
    bool inside = false, seen = false;
    (void)state;
    set("A", "some value");
    uintptr_t at = (uintptr_t)secrets_get(vault, bytes_of("A")).data;
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        unsigned long long from, to;
        if (sscanf(line, "%llx-%llx ", &from, &to) == 2)
            inside = at >= from && at < to;
        if (inside && strncmp(line, "VmFlags:", 8) == 0)
            seen = strstr(line, " dd") != NULL;
    }
    fclose(f);
    assert_true(seen);
}

static void nothing_is_found_where_nothing_is(void **state)
{
    (void)state;
    check_mask("no secrets at all", "no secrets at all");
    set("SHORT", "abc");
    set("EMPTY", "");
    check_mask("abc abc %61bc", "abc abc %61bc");
    set("A", "hunter2!");
    check_mask("hunter2 hunter2? hunter2", "hunter2 hunter2? hunter2");
    check_mask("", "");
    assert_false(secrets_mask(vault, NULL, 0));
    assert_false(secrets_found(vault, bytes_of(NULL)));
}

static void every_form_is_masked(void **state)
{
    (void)state;
    set("A", "p@ss w/rd\"1");
    check_mask("[p@ss w/rd\"1]", "[***********]");
    check_mask("p%40ss%20w%2Frd%221;", "*******************;");
    check_mask("p%40ss+w%2frd%221;", "*****************;");
    check_mask("{\"a\":\"p@ss w\\/rd\\\"1\"}", "{\"a\":\"*************\"}");
    check_mask("p@ss w/rd\\u00221", "****************");
    check_mask("<p>p@ss w/rd&quot;1</p>", "<p>****************</p>");
    check_mask("p@ss w/rd\"1p@ss w/rd\"1 p@ss", "********************** p@ss");
    check_mask("p%40ss%20w%2Frd%22", "p%40ss%20w%2Frd%22");
    set("B", "%20&+\\+x");
    check_mask("a%2520%26%2B%5C%2bx.", "a******************.");
    check_mask("%20&amp;+\\+x %20&+\\\\+x %20&+\\+x", "************ ********* ********");
}

static void overlapping_values_are_all_masked(void **state)
{
    (void)state;
    set("A", "abcdef");
    set("B", "cdefghij");
    set("C", "abcdefgh-long");
    check_mask("xabcdefghijx", "x**********x");
    check_mask("abcdefgh-long", "*************");
    check_mask("abcdefabcdef", "************");
}

/* Every base64 character that lies wholly within the secret must be gone, whatever stands around it. */
static void check_base64(const char *secret, size_t before, size_t after, enum base64_alphabet alphabet)
{
    char raw[256], text[400], copy[400];
    size_t n = strlen(secret), len = before + n + after;
    memset(raw, '~', sizeof raw);
    memcpy(raw + before, secret, n);
    size_t size = base64_encode(text, (struct bytes){raw, len}, 0, alphabet);
    memcpy(copy, text, size);
    assert_true(secrets_mask(vault, copy, size));
    size_t first = (before * 8 + 5) / 6, end = after == 0 ? size : (before + n) * 8 / 6;
    for (size_t i = 0; i < size; i++) {
        if (i >= first && i < end)
            assert_int_equal(copy[i], '*');
        else
            assert_int_equal(copy[i], text[i]);
    }
}

static void base64_at_any_place_is_masked(void **state)
{
    static const char *const values[] = {"abcd", "hunter22", "\xFB\xEF\xFF\xFE\xFB\xEF",
                                         "a longer secret of some words?>"};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        set("A", values[i]);
        for (size_t before = 0; before < 7; before++)
            for (size_t after = 0; after < 7; after++) {
                check_base64(values[i], before, after, BASE64_STANDARD);
                check_base64(values[i], before, after, BASE64_URL);
            }
    }
    set("A", "hunter22");
    check_mask("Basic dXNlcjpodW50ZXIyMg==", "Basic dXNlcjp*************");
    check_mask("?a=dXNlcjpodW50ZXIyMg%3D%3D&b", "?a=dXNlcjp*****************&b");
    set("A", "\xFB\xEF\xFF\xFE\xFB\xEF");
    check_mask("[++///vvv] [++\\/\\/\\/vvv] [%2B+%2f/%2Fvvv]", "[********] [***********] [**************]");
}

static void random_values_never_survive(void **state)
{
    static const char alphabet[] = "abcXYZ019-_.~!*'()/ +%&=\"\\<>\n\t\x01";
    (void)state;
    srand(11);
    for (int round = 0; round < 300; round++) {
        char value[40], text[400];
        size_t n = 4 + (size_t)rand() % 30;
        for (size_t i = 0; i < n; i++)
            value[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        value[n] = '\0';
        set("A", value);
        struct buf b;
        buf_init(&b);
        buf_append_str(&b, "##");
        if (round % 2)
            request_percent_encode(&b, bytes_of(value));
        else
            buf_append_str(&b, value);
        buf_append_str(&b, "##");
        assert_non_null(buf_cstr(&b));
        memset(text, '*', sizeof text);
        memcpy(text, "##", 2);
        memcpy(text + b.len - 2, "##", 3);
        check_mask(b.data, text);
        buf_fini(&b);
    }
}

static void random_text_never_harms(void **state)
{
    static const char alphabet[] = "%\\&+u00#x;abAB12\"<";
    (void)state;
    srand(12);
    set("A", "%ab\"<&12");
    set("B", "ab12%\\u00");
    set("C", "\\\\&&");
    for (int round = 0; round < 50000; round++) {
        size_t len = (size_t)rand() % 40;
        char *text = malloc(len + 1); /* of exact size for the sanitizer */
        assert_non_null(text);
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        (void)secrets_mask(vault, text, len);
        free(text);
    }
}

static void write_bytes(const char *name, const char *content, size_t len, char path[128])
{
    snprintf(path, 128, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void write_file(const char *name, const char *content, char path[128])
{
    write_bytes(name, content, strlen(content), path);
}

static void secrets_come_from_the_environment_or_credentials(void **state)
{
    char path[128];
    struct err e = {0};
    (void)state;
    setenv("ANZOL_TEST_A", "from-env", 1);
    assert_int_equal(secrets_load(vault, "ANZOL_TEST_A", &e), 0);
    check_value("ANZOL_TEST_A", "from-env");
    setenv("ANZOL_TEST_A", "changed", 1); /* already known */
    assert_int_equal(secrets_load(vault, "ANZOL_TEST_A", &e), 0);
    check_value("ANZOL_TEST_A", "from-env");
    unsetenv("ANZOL_TEST_A");
    assert_int_equal(secrets_load(vault, "CRED", &e), 1);
    write_file("CRED", "line one\nline two\n\n", path);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    assert_int_equal(secrets_load(vault, "CRED", &e), 0);
    check_value("CRED", "line one\nline two\n");
    assert_int_equal(secrets_load(vault, "MISSING", &e), 1);
    write_file("NOTHING", "\n", path);
    assert_int_equal(secrets_load(vault, "NOTHING", &e), 1);
    assert_int_equal(secrets_load(vault, "../etc/passwd", &e), -1);
    assert_int_equal(secrets_load(vault, "", &e), -1);
    assert_int_equal(secrets_load(vault, "1A", &e), -1);
    snprintf(path, sizeof path, "%s/BIG", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(secrets_load(vault, "BIG", &e), -1); /* a folder */
    assert_int_equal(e.domain, ERR_SYSTEM);
    rmdir(path);
}

static void credentials_have_an_upper_size(void **state)
{
    enum { MOST = 65536 };
    static char value[MOST + 2];
    char path[128];
    struct err e = {0};
    (void)state;
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    memset(value, 'v', MOST + 1);
    write_file("CRED", value, path);
    assert_int_equal(secrets_load(vault, "CRED", &e), -1);
    assert_non_null(strstr(e.message, path));
    assert_non_null(strstr(e.message, "is over 65536 bytes long"));
    assert_null(secrets_get(vault, bytes_of("CRED")).data);
    value[MOST] = '\0';
    write_file("CRED", value, path);
    assert_int_equal(secrets_load(vault, "CRED", &e), 0);
    check_value("CRED", value);
}

static void too_long_and_nameless_ones_are_refused(void **state)
{
    enum { MOST = 65536 };
    static char value[MOST + 1];
    struct err e = {0};
    (void)state;
    memset(value, 'v', sizeof value);
    assert_int_equal(secrets_set(vault, bytes_of("A"), (struct bytes){value, sizeof value}, &e), -1);
    assert_int_equal(secrets_set(vault, bytes_of(""), bytes_of("hush"), &e), -1);
    assert_null(secrets_get(vault, bytes_of("A")).data);
    check_mask("hush", "hush");
}

/* Of the secrets of a load: those known already stay as they are. */
static void all_of_another_are_added(void **state)
{
    struct err e;
    (void)state;
    struct secrets *other = secrets_new(&e);
    assert_non_null(other);
    set("BOTH", "mine-first");
    assert_int_equal(secrets_set(other, bytes_of("BOTH"), bytes_of("theirs-later"), &e), 0);
    assert_int_equal(secrets_set(other, bytes_of("NEW"), bytes_of("fresh-value"), &e), 0);
    assert_int_equal(secrets_add_all(vault, other, &e), 0);
    secrets_free(other);
    check_value("BOTH", "mine-first");
    check_value("NEW", "fresh-value");
    check_mask("a fresh-value", "a ***********");
}

static void env_files_are_read(void **state)
{
    char path[128];
    struct err e = {0};
    (void)state;
    setenv("ANZOL_T5", "environment wins", 1);
    write_file(
        "env",
        "\xEF\xBB\xBF# a comment\r\n\n  \t\nANZOL_T1=plain value # not this\nexport ANZOL_T2 = 'single \\n # kept'\n"
        "ANZOL_T3=\"double \\\"q\\\" \\n\\t\\\\ \\x\" # c\r\nANZOL_T4=\nANZOL_T5=file\nANZOL_T6=a#b=c",
        path);
    assert_int_equal(secrets_read_env_file(path, &e), 0);
    assert_null(secrets_get(vault, bytes_of("ANZOL_T1")).data); /* private only once a script says so */
    for (char name[] = "ANZOL_T1"; name[7] <= '6'; name[7]++)
        assert_int_equal(secrets_load(vault, name, &e), name[7] == '4'); /* an empty one is none */
    check_value("ANZOL_T1", "plain value");
    check_value("ANZOL_T2", "single \\n # kept");
    check_value("ANZOL_T3", "double \"q\" \n\t\\ \\x");
    assert_string_equal(environment_get("ANZOL_T4"), "");
    check_value("ANZOL_T5", "environment wins");
    check_value("ANZOL_T6", "a#b=c");
    assert_string_equal(environment_get("ANZOL_T1"), "plain value");
    assert_string_equal(environment_get("ANZOL_T5"), "environment wins");
    for (char name[] = "ANZOL_T1"; name[7] <= '6'; name[7]++)
        unsetenv(name);
}

static void check_bad_file(const char *content, const char *where)
{
    char path[128], want[160];
    struct err e = {0};
    write_file("env", content, path);
    assert_int_equal(secrets_read_env_file(path, &e), -1);
    snprintf(want, sizeof want, "%s:%s: ", path, where);
    assert_memory_equal(e.message, want, strlen(want));
    assert_null(strstr(e.message, "hush"));
}

static void env_file_errors_name_the_line(void **state)
{
    struct err e = {0};
    (void)state;
    check_bad_file("hush\n", "1");
    check_bad_file("# c\n\n=hush\n", "3");
    check_bad_file("A-B=hush\n", "1");
    check_bad_file("1A=hush\n", "1");
    check_bad_file("export\nA=hush", "1");
    check_bad_file("ANZOL_T7=\"hush\n", "1");
    check_bad_file("ANZOL_T7='hush' hush\n", "1");
    static const char nul[] = "A=1\nANZOL_T7=hu\0sh\n";
    char path[128], want[160];
    write_bytes("env", nul, sizeof nul - 1, path);
    assert_int_equal(secrets_read_env_file(path, &e), -1);
    snprintf(want, sizeof want, "%s:2: the value has a NUL in it", path);
    assert_non_null(strstr(e.message, want));
    assert_int_equal(secrets_read_env_file("/nonexistent/env", &e), -1);
    assert_int_equal(e.domain, ERR_SYSTEM);
    assert_non_null(strstr(e.message, "/nonexistent/env"));
    assert_int_equal(secrets_read_env_file(folder, &e), -1);
}

static void wiping(void **state)
{
    struct buf b;
    char data[8] = "secret!";
    (void)state;
    secrets_wipe(data, sizeof data);
    assert_memory_equal(data, "\0\0\0\0\0\0\0", 8);
    secrets_wipe(NULL, 0);
    buf_init(&b);
    secrets_wipe_buf(&b);
    buf_append_str(&b, "secret");
    secrets_wipe_buf(&b);
    assert_int_equal(b.len, 0);
    for (size_t i = 0; i < b.cap; i++)
        assert_int_equal(i < 6 ? b.data[i] : 0, 0);
    buf_fini(&b);
    secrets_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_are_kept_and_replaced),
        TEST(the_mapping_is_left_out_of_dumps),
        TEST(nothing_is_found_where_nothing_is),
        TEST(every_form_is_masked),
        TEST(overlapping_values_are_all_masked),
        TEST(base64_at_any_place_is_masked),
        TEST(random_values_never_survive),
        TEST(random_text_never_harms),
        TEST(secrets_come_from_the_environment_or_credentials),
        TEST(credentials_have_an_upper_size),
        TEST(too_long_and_nameless_ones_are_refused),
        TEST(all_of_another_are_added),
        TEST(env_files_are_read),
        TEST(env_file_errors_name_the_line),
        TEST(wiping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
