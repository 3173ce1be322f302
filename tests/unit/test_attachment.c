/* The client's end of the control socket, against a server in the same process. */
#include "folder.h"

#include "net/attachment.h"
#include "net/control.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static char state[512]; /* the folder, with a name that no socket address has room for */
static int listener = -1;

/* Through the folder's descriptor, as the daemon may have to as well. */
static int listen_in_state(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int folder = open(state, O_PATH | O_DIRECTORY);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control", folder);
    int rc = bind(fd, (const struct sockaddr *)&address, sizeof address);
    close(folder);
    return rc == 0 && listen(fd, 4) == 0 ? fd : -1;
}

static int setup(void **ud)
{
    (void)ud;
    if (folder_make("control") != 0)
        return -1;
    snprintf(state, sizeof state, "%s/%0120d", dir, 7);
    if (mkdir(state, 0700) != 0)
        return -1;
    listener = listen_in_state();
    return listener >= 0 ? 0 : -1;
}

static int teardown(void **ud)
{
    (void)ud;
    if (listener >= 0)
        close(listener);
    return folder_remove();
}

static int open_pair(struct attachment *c)
{
    struct err e;
    assert_int_equal(attachment_open(c, state, &e), 0);
    int peer = accept(listener, NULL, NULL);
    assert_true(peer >= 0);
    return peer;
}

static void say(int peer, const char *text)
{
    assert_int_equal(write(peer, text, strlen(text)), (ssize_t)strlen(text));
}

static void receive(struct attachment *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    struct err e;
    assert_int_equal(poll(&p, 1, 10000), 1);
    assert_int_equal(attachment_receive(c, &e), 0);
}

static void expect_line(struct attachment *c, const char *text)
{
    struct bytes line;
    struct err e;
    assert_int_equal(attachment_next(c, &line, &e), 1);
    assert_true(bytes_equal(line, bytes_of(text)));
}

static void expect_none(struct attachment *c)
{
    struct bytes line;
    struct err e;
    assert_int_equal(attachment_next(c, &line, &e), 0);
}

static void expect_end(struct attachment *c, enum err_domain domain)
{
    struct bytes line;
    struct err e;
    assert_int_equal(attachment_next(c, &line, &e), -1);
    assert_int_equal(e.domain, domain);
}

static void test_lines_come_in_parts(void **ud)
{
    (void)ud;
    struct attachment c;
    int peer = open_pair(&c);
    expect_none(&c);
    say(peer, "one\ntwo\nthr");
    receive(&c);
    expect_line(&c, "one");
    expect_line(&c, "two");
    expect_none(&c);
    say(peer, "ee\n\n");
    receive(&c);
    expect_line(&c, "three");
    expect_line(&c, "");
    expect_none(&c);
    close(peer);
    attachment_close(&c);
    attachment_close(&c);
}

static void test_nothing_there_is_no_end(void **ud)
{
    (void)ud;
    struct attachment c;
    struct err e;
    int peer = open_pair(&c);
    assert_int_equal(attachment_receive(&c, &e), 0);
    expect_none(&c);
    close(peer);
    attachment_close(&c);
}

static void test_the_lines_before_the_end_are_given(void **ud)
{
    (void)ud;
    struct attachment c;
    int peer = open_pair(&c);
    say(peer, "last\nhalf");
    close(peer);
    receive(&c);
    receive(&c);
    expect_line(&c, "last");
    expect_end(&c, ERR_NET);
    expect_end(&c, ERR_NET);
    attachment_close(&c);
}

static void test_a_line_without_end(void **ud)
{
    (void)ud;
    struct attachment c;
    static char much[65536];
    int peer = open_pair(&c), rc = 0;
    memset(much, 'x', sizeof much);
    for (int i = 0; rc == 0 && i < 64; i++) {
        struct bytes line;
        struct err e;
        assert_int_equal(write(peer, much, sizeof much), (ssize_t)sizeof much);
        receive(&c);
        rc = attachment_next(&c, &line, &e);
        assert_true(rc == 0 || e.domain == ERR_SYSTEM);
    }
    assert_int_equal(rc, -1);
    close(peer);
    attachment_close(&c);
}

static void test_sending(void **ud)
{
    (void)ud;
    struct attachment c;
    struct err e;
    char got[16] = "";
    int peer = open_pair(&c);
    assert_int_equal(attachment_send(&c, bytes_of("{\"id\":1}"), &e), 0);
    assert_int_equal(recv(peer, got, 9, MSG_WAITALL), 9);
    assert_string_equal(got, "{\"id\":1}\n");
    close(peer);
    attachment_send(&c, bytes_of("x"), &e); /* the first may still be taken */
    assert_int_equal(attachment_send(&c, bytes_of("x"), &e), -1);
    assert_int_equal(e.domain, ERR_NET);
    attachment_close(&c);
}

static void test_a_line_that_is_too_long_is_not_sent(void **ud)
{
    (void)ud;
    struct attachment c;
    struct err e;
    char got;
    int peer = open_pair(&c);
    char *much = calloc(1, CONTROL_LINE_MAX + 1);
    assert_non_null(much);
    assert_int_equal(attachment_send(&c, (struct bytes){much, CONTROL_LINE_MAX + 1}, &e), -1);
    assert_int_equal(e.domain, ERR_INPUT);
    assert_int_equal(recv(peer, &got, 1, MSG_DONTWAIT), -1);
    free(much);
    close(peer);
    attachment_close(&c);
}

static void test_nobody_listens(void **ud)
{
    (void)ud;
    struct attachment c;
    struct err e;
    assert_int_equal(attachment_open(&c, dir, &e), -1);
    assert_int_equal(e.domain, ERR_NET);
    assert_non_null(strstr(e.message, "does not listen"));
    assert_int_equal(attachment_open(&c, "/nowhere", &e), -1);
    assert_int_equal(e.domain, ERR_NET);
    close(listener);
    listener = -1;
    assert_int_equal(attachment_open(&c, state, &e), -1);
    assert_int_equal(e.domain, ERR_NET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_come_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_there_is_no_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_lines_before_the_end_are_given, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_line_without_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sending, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_line_that_is_too_long_is_not_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_listens, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
