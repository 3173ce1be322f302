#include "core/outlet.h"

#include "core/units.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* Whoever waits for a reader here waits for ever. */
enum { HUNG_AFTER_S = 300, SMALL = 4096, NUMBER = 7, LINE_MAX_LEN = 20000 };

static struct outlet o;
static int out, in; /* what it writes to, which waits, and where it is read, which does not */
static int next_made, next_read;
static struct buf unread;

static void open_outlet(int writer, int reader)
{
    out = writer;
    in = reader;
    next_made = next_read = 0;
    buf_init(&unread);
    assert_int_equal(fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK), 0);
    outlet_init(&o, out);
    assert_int_equal(fcntl(out, F_GETFL) & O_NONBLOCK, 0); /* it is not only ours */
}

static void open_pipe(int size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, size) >= 0);
    open_outlet(ends[1], ends[0]);
}

static void close_reader(void)
{
    close(in);
    in = -1;
}

static int setup(void **state)
{
    (void)state;
    in = out = -1;
    alarm(HUNG_AFTER_S);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    alarm(0);
    outlet_fini(&o);
    buf_fini(&unread);
    if (in >= 0)
        close(in);
    close(out);
    return 0;
}

/* The number of the line, and as many letters as make it so long. */
static void add_line(struct buf *b, size_t len)
{
    buf_printf(b, "%0*d", NUMBER, next_made++);
    for (size_t i = NUMBER; i + 1 < len; i++)
        buf_append_char(b, 'a');
    buf_append_char(b, '\n');
}

static size_t write_lines(int count, size_t len)
{
    struct buf b;
    buf_init(&b);
    for (int i = 0; i < count; i++)
        add_line(&b, len);
    size_t dropped = outlet_write(&o, &b);
    assert_int_equal(b.len, 0);
    buf_fini(&b);
    return dropped;
}

/* Each line is whole, and comes after the one before it. */
static void check_line(struct bytes line)
{
    char number[NUMBER + 1] = {0};
    assert_true(line.len >= NUMBER);
    memcpy(number, line.data, NUMBER);
    assert_int_equal(strspn(number, "0123456789"), NUMBER);
    assert_int_equal(atoi(number), next_read);
    next_read++;
    for (size_t i = NUMBER; i < line.len; i++)
        assert_true(line.data[i] == 'a' || line.data[i] == '\r');
}

/* At most so many bytes. Returns how many there were. */
static size_t read_some(size_t most)
{
    char some[LINE_MAX_LEN];
    struct bytes rest, line;
    ssize_t n = read(in, some, most < sizeof some ? most : sizeof some);
    if (n <= 0)
        return 0;
    buf_append(&unread, some, (size_t)n);
    rest = buf_view(&unread);
    while (bytes_next_whole_line(&rest, &line))
        check_line(line);
    buf_drop(&unread, unread.len - rest.len);
    return (size_t)n;
}

/* Until all is out and read. */
static size_t read_all(void)
{
    size_t dropped = 0;
    do {
        while (read_some(LINE_MAX_LEN) > 0)
            ;
        dropped += outlet_push(&o);
    } while (outlet_state(&o) == OUTLET_LEFT || read_some(LINE_MAX_LEN) > 0);
    assert_int_equal(unread.len, 0);
    return dropped;
}

static void nobody_reads_and_nothing_is_lost(void **state)
{
    (void)state;
    open_pipe(SMALL);
    for (int i = 0; i < 100; i++)
        assert_int_equal(write_lines(10, 200), 0);
    assert_int_equal(outlet_state(&o), OUTLET_LEFT);
    assert_int_equal(outlet_push(&o), 0);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 1000);
    assert_int_equal(outlet_state(&o), OUTLET_EMPTY);
}

static void a_slow_reader_gets_long_lines_whole(void **state)
{
    (void)state;
    open_pipe(SMALL);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(write_lines(1, (size_t)(100 + i * 400)), 0);
        (void)read_some((size_t)(1 + i * 37));
    }
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 40);
}

static void beyond_what_is_kept_there_is_one_gap(void **state)
{
    (void)state;
    open_pipe(SMALL);
    size_t dropped = 0;
    for (int i = 0; i < 30; i++)
        dropped += write_lines(1000, 100);
    assert_in_range(o.left.len, OUTLET_LEFT_MAX - 100, OUTLET_LEFT_MAX);
    int kept = 30000 - (int)dropped;
    assert_in_range(kept, OUTLET_LEFT_MAX / 100, (OUTLET_LEFT_MAX + SMALL) / 100);
    while (read_some(LINE_MAX_LEN) > 0)
        assert_int_equal(outlet_push(&o), 0);
    for (int i = 0; i < 20; i++) /* half of it */
        while (read_some(1 << 14) > 0)
            assert_int_equal(outlet_push(&o), 0);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, kept);
    next_read = next_made;
    assert_int_equal(write_lines(5, 100), 0);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 30005);
}

static void the_gap_ends_when_all_is_out(void **state)
{
    (void)state;
    open_pipe(SMALL);
    size_t dropped = write_lines(1, SMALL); /* fills it */
    dropped += write_lines(12000, 100);
    assert_int_equal(dropped, 0); /* at once, whatever it is: it was there already */
    assert_int_equal(write_lines(1, 100), 1);
    for (int i = 0; i < 100; i++) {
        (void)read_some(LINE_MAX_LEN);
        assert_int_equal(outlet_push(&o), 0);
    }
    assert_true(o.left.len < OUTLET_LEFT_MAX - 1000);
    assert_int_equal(write_lines(3, 100), 3); /* there would be room */
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 12001);
    next_read = next_made;
    assert_int_equal(write_lines(1, 100), 0);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, next_made);
}

static void a_pipe_with_others_gets_whole_lines(void **state)
{
    (void)state;
    char some[SMALL * 4];
    open_pipe(SMALL * 4);
    assert_int_equal(write_lines(100, 300), 0);
    ssize_t n = read(in, some, sizeof some);
    assert_true(n > 0);
    assert_int_equal(n % 300, 0);
}

/* --- terminals ---------------------------------------------------------------------------------------------------- */

static void open_terminal(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        skip();
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    open_outlet(slave, master);
}

static void check_terminal(void)
{
    size_t dropped = 0;
    for (int i = 0; i < 300; i++) {
        dropped += write_lines(10, (size_t)(NUMBER + 1 + i % 90));
        if (i % 3 == 0)
            (void)read_some((size_t)(1 + i % 200));
    }
    assert_int_equal(dropped, 0);
    for (int i = 0; i < 1000; i++) { /* so that it is full but for little, again and again */
        (void)read_some((size_t)(1 + i % 50));
        assert_int_equal(outlet_push(&o), 0);
    }
    (void)write_lines(2000, 100);
    assert_int_equal(outlet_state(&o), OUTLET_LEFT);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 5000);
}

static void a_terminal_whose_reader_stops(void **state)
{
    (void)state;
    open_terminal();
    assert_true(o.anew);
    check_terminal();
}

static void a_terminal_of_another_user(void **state)
{
    (void)state;
    open_terminal();
    close(o.terminal); /* as when it may not be opened */
    o.anew = false;
    o.piece = 1;
    check_terminal();
}

static void a_terminal_that_is_stopped(void **state)
{
    (void)state;
    open_terminal();
    assert_int_equal(tcflow(out, TCOOFF), 0); /* Ctrl-S */
    assert_int_equal(write_lines(10, 100), 0);
    assert_int_equal(outlet_state(&o), OUTLET_LEFT);
    assert_int_equal(read_some(100), 0);
    assert_int_equal(tcflow(out, TCOON), 0);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 10);
}

/* --- others ------------------------------------------------------------------------------------------------------- */

static void a_socket_with_little_room(void **state)
{
    int ends[2], least = 1;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
    open_outlet(ends[0], ends[1]);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(write_lines(3, (size_t)(100 + i * 150)), 0);
        (void)read_some((size_t)(i * 53));
    }
    assert_int_equal(outlet_state(&o), OUTLET_LEFT);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 120);
}

static long write_calls(void)
{
    char text[512] = "";
    FILE *f = fopen("/proc/self/io", "r");
    if (f == NULL)
        return -1;
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    const char *found = strstr(text, "syscw: ");
    return found == NULL ? -1 : atol(found + strlen("syscw: "));
}

static void a_regular_file_gets_one_write(void **state)
{
    char path[] = "/tmp/anzol-test-outlet-XXXXXX";
    (void)state;
    int writer = mkstemp(path);
    assert_true(writer >= 0);
    open_outlet(writer, open(path, O_RDONLY | O_CLOEXEC));
    unlink(path);
    long before = write_calls();
    assert_int_equal(write_lines(1000, 100), 0);
    long after = write_calls();
    assert_int_equal(outlet_state(&o), OUTLET_EMPTY);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 1000);
    if (before >= 0)
        assert_int_equal(after - before, 1);
}

static void a_full_disk_fails(void **state)
{
    (void)state;
    open_outlet(open("/dev/full", O_WRONLY), open("/dev/null", O_RDONLY));
    assert_int_equal(write_lines(3, 100), 3);
    assert_int_equal(outlet_state(&o), OUTLET_FAILED);
    assert_int_equal(o.left.len, 0);
}

static void no_descriptor_fails(void **state)
{
    (void)state;
    open_outlet(open("/dev/null", O_WRONLY), open("/dev/null", O_RDONLY));
    outlet_fini(&o);
    outlet_init(&o, -1);
    assert_int_equal(write_lines(3, 100), 3);
    outlet_fini(&o);
    outlet_init(&o, 1 << 20); /* not open */
    assert_int_equal(write_lines(3, 100), 3);
    assert_int_equal(outlet_state(&o), OUTLET_FAILED);
    assert_int_equal(outlet_drain(&o, INT64_MAX / 2), 0);
}

/* A named pipe: its reader goes in the middle of a line, and another comes. */
static void a_reader_that_goes_and_comes_back(void **state)
{
    char folder[] = "/tmp/anzol-test-outlet-XXXXXX", path[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int writer = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fcntl(writer, F_SETPIPE_SZ, SMALL) >= 0);
    open_outlet(writer, reader);
    assert_int_equal(write_lines(1, 2 * SMALL), 0); /* half of it is written */
    assert_int_equal(write_lines(3, 100), 0);
    close_reader();
    assert_int_equal(outlet_push(&o), 3);
    assert_int_equal(outlet_state(&o), OUTLET_FAILED);
    assert_int_equal(write_lines(2, 100), 2);
    in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    unlink(path);
    rmdir(folder);
    (void)read_some(LINE_MAX_LEN); /* what was in the pipe */
    assert_int_equal(outlet_push(&o), 0);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 1); /* the long one is whole */
    next_read = next_made;
    assert_int_equal(write_lines(2, 100), 0);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, next_made);
}

/* --- the end, and other threads ------------------------------------------------------------------------------------
 */

static void the_end_does_not_wait_for_ever(void **state)
{
    (void)state;
    open_pipe(SMALL);
    assert_int_equal(write_lines(1, 2 * SMALL), 0);
    assert_int_equal(write_lines(7, 100), 0);
    assert_int_equal(outlet_drain(&o, 50 * NS_PER_MS), 7);
    assert_int_equal(o.left.len, SMALL); /* of the line that is half out */
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 1);
}

static void *read_until_the_end(void *arg)
{
    const int *count = arg;
    while (next_read < *count)
        if (read_some(1000) == 0)
            usleep(1000);
    return NULL;
}

static void the_end_waits_for_a_slow_reader(void **state)
{
    int count = 100;
    pthread_t reader;
    (void)state;
    open_pipe(SMALL);
    assert_int_equal(write_lines(count, 200), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_until_the_end, &count), 0);
    assert_int_equal(outlet_drain(&o, HUNG_AFTER_S * NS_PER_S), 0);
    pthread_join(reader, NULL);
    assert_int_equal(outlet_state(&o), OUTLET_EMPTY);
}

static void a_patient_one_loses_nothing(void **state)
{
    int count = 20000;
    pthread_t reader;
    (void)state;
    open_pipe(SMALL);
    outlet_be_patient(&o);
    assert_int_equal(pthread_create(&reader, NULL, read_until_the_end, &count), 0);
    assert_int_equal(write_lines(count, 100), 0);
    assert_int_equal(outlet_state(&o), OUTLET_EMPTY);
    pthread_join(reader, NULL);
}

static void offer(size_t len)
{
    struct buf b;
    buf_init(&b);
    add_line(&b, len);
    outlet_offer(&o, &b);
    if (b.len > 0)
        next_made--;
    buf_fini(&b);
}

static void an_offer_goes_behind_what_is_left(void **state)
{
    (void)state;
    open_pipe(SMALL);
    offer(100); /* at once */
    assert_int_equal(outlet_state(&o), OUTLET_EMPTY);
    assert_int_equal(write_lines(1, 2 * SMALL), 0);
    offer(100);
    assert_int_equal(write_lines(1, 100), 0);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 4);
    assert_int_equal(write_lines(12000, 100), 0);
    offer(100); /* too much is left */
    pthread_mutex_lock(&o.mutex);
    offer(100); /* the other thread is writing */
    pthread_mutex_unlock(&o.mutex);
    assert_int_equal(next_made, 12004);
    assert_int_equal(read_all(), 0);
    assert_int_equal(next_read, 12004);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(nobody_reads_and_nothing_is_lost),
        TEST(a_slow_reader_gets_long_lines_whole),
        TEST(beyond_what_is_kept_there_is_one_gap),
        TEST(the_gap_ends_when_all_is_out),
        TEST(a_pipe_with_others_gets_whole_lines),
        TEST(a_terminal_whose_reader_stops),
        TEST(a_terminal_of_another_user),
        TEST(a_terminal_that_is_stopped),
        TEST(a_socket_with_little_room),
        TEST(a_regular_file_gets_one_write),
        TEST(a_full_disk_fails),
        TEST(no_descriptor_fails),
        TEST(a_reader_that_goes_and_comes_back),
        TEST(the_end_does_not_wait_for_ever),
        TEST(the_end_waits_for_a_slow_reader),
        TEST(a_patient_one_loses_nothing),
        TEST(an_offer_goes_behind_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
