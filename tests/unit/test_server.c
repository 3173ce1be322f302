#include "net/call.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOKEN "sesame"
#define REQUEST                                                                                                        \
    "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " TOKEN "\r\n"                               \
    "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

enum { MANY = 300 /* more than are held */ };

static struct ev_loop *loop;
static struct server *server;
static struct api_call *asked[MANY];
static size_t asked_count;

static void on_event(void *ud, struct bytes envelope, struct api_call *c)
{
    (void)ud;
    assert_true(bytes_equal(envelope, bytes_of("{}")));
    asked[asked_count++] = c;
}

static bool may_accept(void *ud, struct err *reason)
{
    (void)ud, (void)reason;
    return true;
}

static const struct api_ops ops = {.event = on_event, .may_accept = may_accept};

static int setup(void **state)
{
    struct err e;
    (void)state;
    asked_count = 0;
    loop = ev_loop_new(0);
    struct server_options o = {.loop = loop, .listen = "127.0.0.1:0", .token = TOKEN, .ops = &ops};
    server = loop == NULL ? NULL : server_new(&o, &e);
    return server == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    server_free(server);
    ev_loop_destroy(loop);
    return 0;
}

static void on_time(struct ev_loop *l, struct ev_timer *w, int events)
{
    (void)w, (void)events;
    ev_break(l, EVBREAK_ALL);
}

static void run_for(double seconds)
{
    struct ev_timer t;
    ev_now_update(loop);
    ev_timer_init(&t, on_time, seconds, 0.);
    ev_timer_start(loop, &t);
    ev_run(loop, 0);
}

static int ask(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_port = htons((uint16_t)atoi(strrchr(server_address(server), ':') + 1));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL), sizeof REQUEST - 1);
    return fd;
}

static void run_until_asked(size_t count)
{
    for (int i = 0; i < 200 && asked_count < count; i++)
        run_for(0.02);
    assert_int_equal(asked_count, count);
}

static void answer(struct api_call *c)
{
    struct buf json;
    buf_init(&json);
    buf_append_str(&json, "{}");
    api_answer(c, 202, &json);
}

static void check_accepted(int fd)
{
    char text[512] = "";
    for (int i = 0; i < 200 && recv(fd, text, sizeof text - 1, MSG_DONTWAIT) <= 0; i++)
        run_for(0.02);
    assert_memory_equal(text, "HTTP/1.1 202 ", 13);
    close(fd);
}

static void one_is_held_until_it_is_answered(void **state)
{
    (void)state;
    int fd = ask();
    run_until_asked(1);
    assert_true(asked[0]->held);
    assert_int_equal(server->httpd.held, 1);
    answer(asked[0]);
    assert_int_equal(server->httpd.held, 0);
    server_answer(server); /* without a turn of the loop */
    char text[16] = "";
    assert_true(recv(fd, text, sizeof text - 1, 0) > 0);
    assert_memory_equal(text, "HTTP/1.1 202 ", 13);
    close(fd);
}

static void one_that_waits_for_long_is_suspended(void **state)
{
    (void)state;
    int fd = ask();
    run_until_asked(1);
    run_for(1.2);
    assert_false(asked[0]->held);
    assert_true(asked[0]->suspended);
    assert_int_equal(server->httpd.held, 0);
    answer(asked[0]);
    check_accepted(fd);
}

static void too_many_are_suspended(void **state)
{
    int fds[MANY], held = 0;
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        fds[i] = ask();
    run_until_asked(MANY);
    for (size_t i = 0; i < MANY; i++) {
        held += asked[i]->held;
        assert_true(asked[i]->held != asked[i]->suspended);
    }
    assert_in_range(held, 1, MANY - 1);
    for (size_t i = 0; i < MANY; i++)
        answer(asked[i]);
    for (size_t i = 0; i < MANY; i++)
        check_accepted(fds[i]);
    assert_int_equal(server->httpd.held, 0);
}

static void one_whose_client_has_gone_is_answered_all_the_same(void **state)
{
    struct linger reset = {.l_onoff = 1};
    (void)state;
    int fd = ask();
    run_until_asked(1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(fd);
    run_for(0.1);
    assert_null(asked[0]->connection);
    assert_int_equal(server->httpd.held, 0);
    assert_int_equal(server_open_calls(server), 1);
    answer(asked[0]);
    assert_int_equal(server_open_calls(server), 0);
    fd = ask();
    run_until_asked(2);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(fd);
    run_for(0.1); /* and is not answered: the server goes before */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_is_held_until_it_is_answered),
        TEST(one_that_waits_for_long_is_suspended),
        TEST(too_many_are_suspended),
        TEST(one_whose_client_has_gone_is_answered_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
