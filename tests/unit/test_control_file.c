/* The control socket: its file, and who may come. */
#include "control_case.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { NOBODY = 65534, OTHER = 65533 };

/* --- the file ------------------------------------------------------------------------------------------------- */

static int mode_of(const char *path)
{
    struct stat s;
    return lstat(path, &s) == 0 ? (int)s.st_mode : -1;
}

static atomic_bool is_watching;
static atomic_int seen; /* bits of any mode the file ever had */

static void *on_watch(void *path)
{
    while (atomic_load(&is_watching)) {
        int mode = mode_of(path);
        if (mode >= 0)
            atomic_fetch_or(&seen, mode);
    }
    return NULL;
}

static void test_mode_is_never_wider(void **state)
{
    (void)state;
    pthread_t watcher;
    char path[128];
    struct err e;
    snprintf(path, sizeof path, "%s/control", dir);
    atomic_store(&seen, 0);
    atomic_store(&is_watching, true);
    mode_t old = umask(0);
    assert_int_equal(pthread_create(&watcher, NULL, on_watch, path), 0);
    for (int i = 0; i < 500; i++) {
        control_free(control);
        control = case_control(dir, &e);
        assert_non_null(control);
        assert_int_equal(mode_of(path), S_IFSOCK | 0600);
    }
    atomic_store(&is_watching, false);
    pthread_join(watcher, NULL);
    umask(0777);
    control_free(control);
    control = case_control(dir, &e);
    umask(old);
    assert_non_null(control);
    assert_int_equal(mode_of(path), S_IFSOCK | 0600);
    assert_int_equal(atomic_load(&seen) & 07777, 0600);
}

static void test_file_goes(void **state)
{
    (void)state;
    struct err e;
    control_free(control);
    assert_int_equal(mode_of(path_of("control")), -1);
    control_free(NULL);
    control = case_control(dir, &e);
    assert_int_equal(unlink(path_of("control")), 0);
    write_file("control", "somebody else's");
    control_free(control);
    control = NULL;
    assert_true(S_ISREG(mode_of(path_of("control"))));
}

/* A socket that a dead process left: nobody listens on it any more. */
static void test_stale_socket_is_replaced(void **state)
{
    (void)state;
    struct err e;
    struct person p;
    control_free(control);
    int fd = person_socket();
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/control", dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    control = case_control(dir, &e);
    assert_non_null(control);
    attach(&p);
    person_leave(&p);
}

static void refuses(const char *found)
{
    struct err e = {0};
    int before = mode_of(path_of("control"));
    control = case_control(dir, &e);
    assert_null(control);
    assert_non_null(strstr(e.message, found));
    assert_non_null(strstr(e.message, dir));
    assert_int_equal(mode_of(path_of("control")), before);
}

static void test_what_is_no_socket_stays(void **state)
{
    (void)state;
    char text[8] = "";
    control_free(control);
    write_file("control", "kept");
    refuses("found a file; expected a socket or nothing");
    FILE *f = fopen(path_of("control"), "r");
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_string_equal(text, "kept");
    unlink(path_of("control"));
    assert_int_equal(symlink("/tmp/nowhere", path_of("control")), 0);
    refuses("found a symbolic link");
    unlink(path_of("control"));
    assert_int_equal(mkdir(path_of("control"), 0700), 0);
    refuses("found a folder");
}

static void test_no_folder(void **state)
{
    (void)state;
    struct err e;
    assert_null(case_control(path_of("missing"), &e));
    assert_non_null(strstr(e.message, "missing: No such file or directory"));
    write_file("file", "");
    assert_null(case_control(path_of("file"), &e));
    assert_non_null(strstr(e.message, "file: Not a directory"));
}

static void test_long_path(void **state)
{
    (void)state;
    char folder[256], near[64];
    struct err e;
    struct person p = {.fd = person_socket()};
    snprintf(folder, sizeof folder, "%s/%0150d", dir, 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    control_free(control);
    control = case_control(folder, &e);
    assert_non_null(control);
    int at = open(folder, O_PATH | O_CLOEXEC);
    snprintf(near, sizeof near, "/proc/self/fd/%d/control", at);
    assert_int_equal(mode_of(near), S_IFSOCK | 0600);
    assert_int_equal(person_connect(p.fd, near), 0);
    assert_line_has(&p, "{\"hello\":\"anzol\"");
    person_leave(&p);
    control_free(control);
    control = NULL;
    assert_int_equal(mode_of(near), -1);
    close(at);
}

/* The longest path that is one, and the first that is none. */
static void test_path_of_108(void **state)
{
    (void)state;
    struct err e;
    control_free(control);
    for (int len = 107; len <= 109; len++) {
        char folder[256], path[300];
        int digits = len - (int)strlen(dir) - (int)strlen("//control");
        snprintf(folder, sizeof folder, "%s/%0*d", dir, digits, 0);
        assert_int_equal(mkdir(folder, 0700), 0);
        control = case_control(folder, &e);
        assert_non_null(control);
        snprintf(path, sizeof path, "%s/control", folder);
        assert_int_equal(strlen(path), len);
        assert_int_equal(mode_of(path), S_IFSOCK | 0600);
        control_free(control);
    }
    control = NULL;
}

static void test_close_on_exec(void **state)
{
    (void)state;
    struct person p;
    attach(&p);
    int open_files = 0;
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *d; (d = readdir(folder)) != NULL;) {
        int fd = atoi(d->d_name);
        if (d->d_name[0] == '.' || fd <= 2)
            continue;
        struct stat s;
        bool ours = fstat(fd, &s) == 0 && (S_ISSOCK(s.st_mode) || (S_ISDIR(s.st_mode) && fd != dirfd(folder)));
        if (ours)
            assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        open_files += ours;
    }
    closedir(folder);
    assert_true(open_files >= 4); /* the folder, the socket, both ends of the connection */
    person_leave(&p);
}

/* --- who may come --------------------------------------------------------------------------------------------- */

/* With the file open to everybody: it is the credentials that count. */
static void open_to_all(void)
{
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(chmod(path_of("control"), 0666), 0);
}

/* In the child: what nobody reads; its first byte tells, the rest is shown. */
static int come_as_nobody(void)
{
    char text[512] = "";
    size_t len = 0;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/control", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        return 2;
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
        return 3;
    (void)!send(fd, EVAL_1 "\n", strlen(EVAL_1 "\n"), MSG_NOSIGNAL);
    for (ssize_t n; len < sizeof text - 1; len += (size_t)n)
        if ((n = read(fd, text + len, sizeof text - 1 - len)) <= 0) {
            if (n < 0)
                return 4;
            break;
        }
    return strcmp(text, "{\"problem\":\"user 65534 may not attach; expected root\"}\n") == 0 ? 0 : 5;
}

static void test_other_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    open_to_all();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(come_as_nobody());
    int status = -1;
    WAIT_FOR(waitpid(child, &status, WNOHANG) == child);
    assert_int_equal(status, 0);
    assert_int_equal(opened, 0);
    assert_asked("");
}

/* The daemon is nobody's: nobody and root come in, another one does not. */
static void test_daemon_of_a_user(void **state)
{
    (void)state;
    static const unsigned users[] = {NOBODY, OTHER, 0};
    struct person p[3];
    if (geteuid() != 0)
        skip();
    open_to_all();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(seteuid(users[i]), 0);
        person_come(&p[i]);
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(seteuid(NOBODY), 0);
    idle(20);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(opened, 2);
    assert_int_equal(sessions[0].peer.uid, NOBODY);
    assert_int_equal(sessions[1].peer.uid, 0);
    assert_string_equal(sessions[1].peer.user, "root");
    assert_line_has(&p[0], "{\"hello\"");
    assert_line_has(&p[1], "{\"problem\":\"user 65533 may not attach; expected ");
    assert_end(&p[1]);
    assert_line_has(&p[2], "{\"hello\"");
    for (int i = 0; i < 3; i++)
        person_leave(&p[i]);
}

static bool refuse_all(struct session *s, struct err *why)
{
    (void)s;
    err_set(why, ERR_INPUT, 503, "the runtime is stopping");
    return false;
}

static void test_refused_by_the_host(void **state)
{
    (void)state;
    struct person p;
    host_open = refuse_all;
    person_come(&p);
    say(&p, EVAL_1);
    assert_line(&p, "{\"problem\":\"the runtime is stopping\"}");
    assert_end(&p);
    assert_int_equal(closed, 0);
    assert_asked("");
    person_leave(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_mode_is_never_wider),
        CASE(test_file_goes),
        CASE(test_stale_socket_is_replaced),
        CASE(test_what_is_no_socket_stays),
        CASE(test_no_folder),
        CASE(test_long_path),
        CASE(test_path_of_108),
        CASE(test_close_on_exec),
        CASE(test_other_user),
        CASE(test_daemon_of_a_user),
        CASE(test_refused_by_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
