#include "net/sockets.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <ev.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ev_loop *loop;
static struct sockets sockets;
static int ends[2];    /* ours, the receiver's */
static int told, last; /* events that a request was told of, the last of them */
static void *whom;
static int a, b; /* who wait */

static void on_ready(void *ud, int fd, int events)
{
    assert_int_equal(fd, ends[0]);
    told++;
    last = events;
    whom = ud;
}

/* As a request does that is the first on a connection. */
static void keep(const void *user)
{
    sockets_want(&sockets, ends[0], EV_READ, user, NULL);
    sockets_release(&sockets, ends[0]);
    sockets_stands(&sockets, ends[0], user);
}

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    assert_int_equal(sockets_init(&sockets, loop, on_ready, NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    keep(&told);
    told = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sockets_fini(&sockets);
    close(ends[0]);
    close(ends[1]);
    ev_loop_destroy(loop);
    return 0;
}

static void turn(void)
{
    ev_run(loop, EVRUN_NOWAIT);
}

static void say(const char *text)
{
    assert_int_equal(write(ends[1], text, 1), 1);
}

/* What libcurl would find when it looks whether the connection lives. */
static bool is_ended(void)
{
    char c;
    return recv(ends[0], &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void test_a_request_is_told(void **state)
{
    (void)state;
    sockets_want(&sockets, ends[0], EV_READ, &a, &a);
    turn();
    assert_int_equal(told, 0);
    say("x");
    turn();
    assert_int_equal(told, 1);
    assert_int_equal(last, EV_READ);
    sockets_want(&sockets, ends[0], EV_READ | EV_WRITE, &b, &b);
    turn();
    assert_int_equal(last, EV_READ | EV_WRITE);
    assert_ptr_equal(whom, &b);
    sockets_want(&sockets, ends[0], EV_WRITE, &b, &b);
    turn();
    assert_int_equal(last, EV_WRITE);
    assert_false(is_ended());
}

static void test_what_is_kept_ends_when_it_speaks(void **state)
{
    (void)state;
    sockets_want(&sockets, ends[0], EV_READ | EV_WRITE, &a, &a);
    sockets_release(&sockets, ends[0]);
    sockets_settle(&sockets);
    turn();
    assert_false(is_ended());
    say("x");
    turn();
    assert_int_equal(told, 0);
    assert_true(is_ended());
}

static void test_used_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        sockets_want(&sockets, ends[0], EV_READ, &a, &a);
        sockets_release(&sockets, ends[0]);
        sockets_settle(&sockets);
        turn();
    }
    sockets_want(&sockets, ends[0], EV_READ, &b, &b);
    say("x");
    turn();
    assert_int_equal(told, 1);
    assert_ptr_equal(whom, &b);
    assert_false(is_ended());
}

/* Released and wanted before libcurl has returned: as on a redirect. */
static void test_wanted_again_at_once(void **state)
{
    (void)state;
    sockets_want(&sockets, ends[0], EV_READ, &a, &a);
    sockets_release(&sockets, ends[0]);
    sockets_want(&sockets, ends[0], EV_READ, &a, &a);
    sockets_release(&sockets, ends[0]);
    sockets_want(&sockets, ends[0], EV_READ, &a, &a);
    sockets_settle(&sockets);
    say("x");
    turn();
    assert_int_equal(told, 1);
    assert_false(is_ended());
}

/* What has come by then, and was for libcurl, is not held against it twice. */
static void test_an_event_of_before(void **state)
{
    char c;
    (void)state;
    sockets_want(&sockets, ends[0], EV_READ | EV_WRITE, &a, &a);
    turn();
    say("x");
    assert_int_equal(read(ends[0], &c, 1), 1);
    sockets_release(&sockets, ends[0]);
    sockets_settle(&sockets);
    turn();
    assert_false(is_ended());
}

/* A socket of that number may be anything. */
static void test_closed(void **state)
{
    int other[2];
    (void)state;
    sockets_want(&sockets, ends[0], EV_READ, &a, &a);
    sockets_release(&sockets, ends[0]);
    sockets_closed(&sockets, ends[0]);
    sockets_settle(&sockets);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
    assert_true(dup2(other[0], ends[0]) >= 0);
    assert_int_equal(write(other[1], "y", 1), 1);
    turn();
    assert_int_equal(told, 0);
    assert_false(is_ended());
    /* Not a connection: it is watched for a request, and for none afterwards. */
    sockets_want(&sockets, ends[0], EV_READ, &a, &a);
    turn();
    assert_int_equal(told, 1);
    sockets_release(&sockets, ends[0]);
    sockets_settle(&sockets);
    turn();
    assert_int_equal(told, 1);
    assert_false(is_ended());
    close(other[0]);
    close(other[1]);
}

/* Closed without a word while it was made. */
static void test_gone(void **state)
{
    int other[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
    sockets_closed(&sockets, ends[0]);
    for (int i = 0; i < 2; i++) {
        sockets_want(&sockets, ends[0], EV_READ, &a, &a);
        turn();
        close(ends[0]);
        sockets_release(&sockets, ends[0]);
        assert_true(sockets_may_stand(&sockets, &a));
        sockets_settle(&sockets);
        turn();
        assert_int_equal(fcntl(ends[0], F_GETFD), -1);
        assert_int_equal(dup2(other[0], ends[0]), ends[0]); /* another of that number */
    }
    assert_int_equal(told, 0);
    close(other[0]);
    close(other[1]);
}

static void test_who_may_have_released_what_stands(void **state)
{
    (void)state;
    sockets_settle(&sockets);
    sockets_want(&sockets, ends[0], EV_READ, &a, &a);
    sockets_release(&sockets, ends[0]); /* it is known to stand */
    assert_false(sockets_may_stand(&sockets, &a));
    assert_false(sockets_may_stand(&sockets, &b));
    sockets_closed(&sockets, ends[0]);
    sockets_settle(&sockets);
    assert_false(sockets_may_stand(&sockets, &a));
    sockets_want(&sockets, ends[0], EV_READ, &a, &a);
    assert_false(sockets_may_stand(&sockets, &a));
    sockets_release(&sockets, ends[0]);
    assert_true(sockets_may_stand(&sockets, &a));
    sockets_stands(&sockets, ends[0], &a);
    sockets_settle(&sockets);
    say("x");
    turn();
    assert_true(is_ended());
}

/* libcurl names the connection that a handle used last by a number that another may have by now. */
static void test_not_kept_for_another(void **state)
{
    (void)state;
    sockets_closed(&sockets, ends[0]);
    sockets_want(&sockets, ends[0], EV_READ, &a, NULL);
    sockets_release(&sockets, ends[0]);
    sockets_stands(&sockets, ends[0], &b);
    sockets_settle(&sockets);
    say("x");
    turn();
    assert_false(is_ended());
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_request_is_told),
        CASE(test_what_is_kept_ends_when_it_speaks),
        CASE(test_used_again),
        CASE(test_wanted_again_at_once),
        CASE(test_an_event_of_before),
        CASE(test_closed),
        CASE(test_gone),
        CASE(test_who_may_have_released_what_stands),
        CASE(test_not_kept_for_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
