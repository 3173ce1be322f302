/* Names and certificates: what fails before anything is sent. */
#include "transport_case.h"

#include <dlfcn.h>
#include <microhttpd.h>
#include <netdb.h>

/* --- a resolver of our own ------------------------------------------------------------------------------------ */

static pthread_mutex_t resolver = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t resolver_changed = PTHREAD_COND_INITIALIZER;
static bool released;
static int stuck; /* look-ups of stuck.test that wait to be released */

static int resolve_stuck(void)
{
    pthread_mutex_lock(&resolver);
    stuck++;
    pthread_cond_broadcast(&resolver_changed);
    while (!released)
        pthread_cond_wait(&resolver_changed, &resolver);
    stuck--;
    pthread_cond_broadcast(&resolver_changed);
    pthread_mutex_unlock(&resolver);
    return EAI_AGAIN;
}

/* In the place of libc's for this program: libcurl asks it, on a thread. No name leaves this machine. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*libc)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    *(void **)&libc = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name != NULL && strcmp(name, "stuck.test") == 0)
        return resolve_stuck();
    if (name != NULL && strstr(name, ".test") != NULL)
        return EAI_NONAME;
    return libc(name, service, hints, found);
}

static void wait_stuck(int count)
{
    pthread_mutex_lock(&resolver);
    while (stuck != count)
        pthread_cond_wait(&resolver_changed, &resolver);
    pthread_mutex_unlock(&resolver);
}

static void release(void)
{
    pthread_mutex_lock(&resolver);
    released = true;
    pthread_cond_broadcast(&resolver_changed);
    pthread_mutex_unlock(&resolver);
    wait_stuck(0);
    misbehave_pause(50); /* libcurl's threads end behind it */
    released = false;
}

static void test_unknown_name(void **state)
{
    (void)state;
    struct sent s;
    sent_run(&s, &(struct call){.url = "http://nowhere.test/"});
    assert_ended(&s, ATTEMPT_DNS, ATTEMPT_NEVER_LEFT);
    assert_non_null(strstr(s.exchange.attempt.message, "nowhere.test"));
    sent_fini(&s);
}

/* A name that does not resolve in time ends its own exchange, and no other waits for the resolver. */
static void test_a_stuck_resolver_stops_nobody(void **state)
{
    (void)state;
    struct sent slow, cancelled, left, good;
    alarm(60);
    sent_init(&cancelled, &(struct call){.url = "http://stuck.test:1/"});
    sent_init(&left, &(struct call){.url = "http://stuck.test:2/"});
    transport_start(transport, &cancelled.exchange);
    transport_start(transport, &left.exchange);
    sent_init(&slow, &(struct call){.url = "http://stuck.test:3/", .connect_ms = 100});
    sent_start(&slow);
    case_run();
    wait_stuck(3);
    assert_ended(&slow, ATTEMPT_CONNECT, ATTEMPT_NEVER_LEFT);
    transport_cancel(transport, &cancelled.exchange);
    sent_run(&good, &(struct call){.url = "/status/200"});
    assert_answered(&good, 200);
    transport_free(transport);
    transport = NULL;
    wait_stuck(3);
    release();
    alarm(0);
    assert_int_equal(cancelled.done + left.done, 0);
    sent_fini(&slow);
    sent_fini(&cancelled);
    sent_fini(&left);
    sent_fini(&good);
}

/* --- TLS ------------------------------------------------------------------------------------------------------ */

struct tls {
    struct MHD_Daemon *daemon;
    char folder[64], cert_file[96];
    char *key, *cert;
    int port;
    int requests;
};

static struct tls tls;

static enum MHD_Result on_tls_request(void *ud, struct MHD_Connection *connection, const char *url, const char *method,
                                      const char *version, const char *data, size_t *len, void **request)
{
    (void)url, (void)method, (void)version, (void)data;
    struct tls *t = ud;
    if (*request == NULL) {
        *request = t;
        return MHD_YES;
    }
    if (*len > 0) {
        *len = 0;
        return MHD_YES;
    }
    __atomic_add_fetch(&t->requests, 1, __ATOMIC_SEQ_CST);
    struct MHD_Response *r = MHD_create_response_from_buffer(6, "secure", MHD_RESPMEM_PERSISTENT);
    enum MHD_Result rc = MHD_queue_response(connection, 200, r);
    MHD_destroy_response(r);
    return rc;
}

static char *read_file(const char *path)
{
    char *text = calloc(1, 16384);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, 16383, f) > 0);
    fclose(f);
    return text;
}

static void make_certificate(struct tls *t)
{
    char command[512], path[96];
    snprintf(t->folder, sizeof t->folder, "/tmp/anzol-tls-XXXXXX");
    assert_non_null(mkdtemp(t->folder));
    snprintf(t->cert_file, sizeof t->cert_file, "%s/cert.pem", t->folder);
    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
             "/CN=localhost "
             "-addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2>/dev/null",
             t->folder);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/key.pem", t->folder);
    t->key = read_file(path);
    t->cert = read_file(t->cert_file);
    unlink(path);
}

static int tls_setup(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    case_setup(state);
    memset(&tls, 0, sizeof tls);
    make_certificate(&tls);
    tls.daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, on_tls_request, &tls,
                                  MHD_OPTION_HTTPS_MEM_KEY, tls.key, MHD_OPTION_HTTPS_MEM_CERT, tls.cert,
                                  MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&a, MHD_OPTION_END);
    assert_non_null(tls.daemon);
    tls.port = MHD_get_daemon_info(tls.daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    return 0;
}

static int tls_teardown(void **state)
{
    transport_free(transport);
    transport = NULL;
    MHD_stop_daemon(tls.daemon);
    unlink(tls.cert_file);
    rmdir(tls.folder);
    free(tls.key);
    free(tls.cert);
    return case_teardown(state);
}

static void trust(void)
{
    transport_free(transport);
    transport =
        transport_new(&(struct transport_options){.loop = loop, .secrets = secrets, .ca_file = tls.cert_file}, NULL);
    assert_non_null(transport);
}

static void run_tls(struct sent *s, const char *host, int port)
{
    char url[128];
    snprintf(url, sizeof url, "https://%s:%d/{TOKEN:url}", host, port);
    sent_run(s, &(struct call){.url = url, .body = "{}", .connect_ms = 2000});
}

static void test_trusted(void **state)
{
    (void)state;
    struct sent s;
    trust();
    for (int i = 0; i < 3; i++) {
        run_tls(&s, "localhost", tls.port);
        assert_answered(&s, 200);
        assert_text(buf_view(&s.exchange.attempt.body), "secure");
        sent_fini(&s);
    }
    assert_int_equal(tls.requests, 3);
}

static void test_untrusted(void **state)
{
    (void)state;
    struct sent s;
    run_tls(&s, "localhost", tls.port);
    assert_ended(&s, ATTEMPT_TLS, ATTEMPT_NEVER_LEFT);
    assert_non_null(strstr(s.exchange.attempt.message, "certificate is not trusted"));
    sent_fini(&s);
    assert_int_equal(tls.requests, 0);
}

static void test_the_name_of_another(void **state)
{
    (void)state;
    struct sent s;
    trust();
    run_tls(&s, "127.0.0.1", tls.port);
    assert_ended(&s, ATTEMPT_TLS, ATTEMPT_NEVER_LEFT);
    sent_fini(&s);
    assert_int_equal(tls.requests, 0);
}

/* A receiver that does not speak TLS sees bytes, but no request. */
static void test_no_tls_there(void **state)
{
    static const struct {
        enum misbehave_door door;
        enum attempt_error error;
        int connect_ms;
    } cases[] = {
        {DOOR_CLOSED, ATTEMPT_TLS, 20000}, {DOOR_RESET, ATTEMPT_TLS, 20000}, {DOOR_MUTE, ATTEMPT_CONNECT, 200}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char url[64];
        struct sent s;
        misbehave_stop(receiver);
        receiver = misbehave_start(cases[i].door);
        snprintf(url, sizeof url, "https://127.0.0.1:%d/", receiver->port);
        sent_run(&s, &(struct call){.url = url, .connect_ms = cases[i].connect_ms});
        assert_ended(&s, cases[i].error, ATTEMPT_NEVER_LEFT);
        sent_fini(&s);
    }
}

static void test_no_such_file_of_certificates(void **state)
{
    (void)state;
    struct sent s;
    unlink(tls.cert_file);
    trust();
    run_tls(&s, "localhost", tls.port);
    assert_ended(&s, ATTEMPT_TLS, ATTEMPT_NEVER_LEFT);
    sent_fini(&s);
}

#define TLS_CASE(name) cmocka_unit_test_setup_teardown(name, tls_setup, tls_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_unknown_name),
        CASE(test_a_stuck_resolver_stops_nobody),
        TLS_CASE(test_trusted),
        TLS_CASE(test_untrusted),
        TLS_CASE(test_the_name_of_another),
        TLS_CASE(test_no_tls_there),
        TLS_CASE(test_no_such_file_of_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
