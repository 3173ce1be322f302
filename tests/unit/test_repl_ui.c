/* What anzol repl needs beyond anzol attach: a banner, and the log of a daemon of its own, on a terminal. */
#include "folder.h"

#include "cli/repl_ui.h"
#include "store/lockfile.h"

#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

enum { PATIENCE_MS = 20000 };

static int lock_fd, listener, peer, terminal, log_end;
static pid_t child;
static char seen[65536];
static size_t seen_len;

static int serve(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/control", dir);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(listener, (const struct sockaddr *)&address, sizeof address) == 0 ? listen(listener, 1) : -1;
}

/* The exit code is that of the conversation. */
static void be_client(int log_fd)
{
    struct repl_ui u = {.command = "repl", .state = dir, .banner = "a runtime of its own", .log_fd = log_fd};
    close(listener);
    close(log_end);
    setenv("TERM", "xterm", 1);
    setenv("HOME", dir, 1);
    unsetenv("XDG_STATE_HOME");
    unsetenv("NO_COLOR");
    int code = repl_ui_run(&u);
    fflush(stdout);
    _exit(code);
}

static int setup(void **ud)
{
    (void)ud;
    int pipe_fds[2];
    struct err e;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    seen_len = 0;
    if (folder_make("repl") != 0 || (lock_fd = lockfile_take(dir, &e)) < 0 || serve() != 0 || pipe(pipe_fds) != 0)
        return -1;
    log_end = pipe_fds[1];
    child = forkpty(&terminal, NULL, NULL, &size);
    if (child == 0)
        be_client(pipe_fds[0]);
    close(pipe_fds[0]);
    peer = accept(listener, NULL, NULL);
    return child > 0 && peer >= 0 ? 0 : -1;
}

static int teardown(void **ud)
{
    (void)ud;
    close(terminal);
    close(listener);
    close(lock_fd);
    return folder_remove();
}

/* Waits until the terminal shows `text`, after what was found before. */
static void expect(const char *text)
{
    struct pollfd p = {.fd = terminal, .events = POLLIN};
    char *found;
    while (seen[seen_len] = '\0', (found = strstr(seen, text)) == NULL) {
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        ssize_t n = read(terminal, seen + seen_len, sizeof seen - 1 - seen_len);
        if (n <= 0)
            fail_msg("'%s' did not appear: %s", text, seen);
        seen_len += (size_t)n;
    }
    found += strlen(text);
    seen_len -= (size_t)(found - seen);
    memmove(seen, found, seen_len);
}

static void put(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void greet(void)
{
    put(peer,
        "{\"hello\":\"anzol\",\"version\":\"1\",\"generation\":1,\"integrations\":0,\"webhooks\":1,\"flows\":2}\n");
    expect("a runtime of its own\r\n");
    expect("> ");
}

static int exit_code(void)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_log_lines_appear_above_the_prompt(void **ud)
{
    (void)ud;
    greet();
    put(terminal, "half");
    expect("half");
    put(log_end, "first \033[2J line\nsecond");
    expect("\r\033[J\033[2mfirst \\x1b[2J line\033[0m\r\n");
    expect("> half");
    put(log_end, " line\n");
    expect("second line\033[0m\r\n");
    expect("> half");
    put(log_end, "no end");
    close(log_end);
    expect("no end\033[0m\r\n");
    expect("> half");
    put(terminal, "\x15\x04");
    assert_int_equal(exit_code(), 0);
    close(peer);
}

static void test_the_last_words_of_the_log_come_before_the_end(void **ud)
{
    (void)ud;
    greet();
    put(log_end, "why it ends\nand more");
    close(peer);
    close(log_end);
    expect("why it ends");
    expect("and more");
    expect("anzol repl: the daemon has ended\r\n");
    assert_int_equal(exit_code(), 69);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log_lines_appear_above_the_prompt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_last_words_of_the_log_come_before_the_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
