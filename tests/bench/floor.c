/*
 * floor: what libcurl alone costs. Sends COUNT POSTs of BYTES bytes to URL over CONNECTIONS connections, by libcurl's
 * multi interface on libev, easy handles reused, and prints requests a second and the CPU of this process a request:
 *
 *     floor URL COUNT CONNECTIONS BYTES [CERTIFICATES]
 */
#include <curl/curl.h>
#include <ev.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SOCKETS = 4096 };

static struct ev_loop *loop;
static CURLM *multi;
static ev_timer timer;
static ev_io sockets[SOCKETS];
static long left, done, failed;
static struct curl_slist *headers;
static char *body;
static long body_len;
static const char *url, *trust;

static void die(const char *what)
{
    fprintf(stderr, "floor: %s\n", what);
    exit(1);
}

static size_t on_body(char *data, size_t size, size_t count, void *ud)
{
    (void)data;
    (void)ud;
    return size * count;
}

static void start(CURL *easy)
{
    if (left == 0) {
        curl_easy_cleanup(easy);
        return;
    }
    left--;
    if (curl_multi_add_handle(multi, easy) != CURLM_OK)
        die("a request cannot be added");
}

static void collect(void)
{
    int queued;
    for (CURLMsg *m; (m = curl_multi_info_read(multi, &queued)) != NULL;) {
        CURL *easy = m->easy_handle;
        failed += m->data.result != CURLE_OK;
        done++;
        curl_multi_remove_handle(multi, easy);
        start(easy);
    }
}

static void act(curl_socket_t s, int events)
{
    int running;
    curl_multi_socket_action(multi, s, events, &running);
    collect();
}

static void on_ready(struct ev_loop *l, ev_io *w, int events)
{
    (void)l;
    act(w->fd, (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_time(struct ev_loop *l, ev_timer *w, int events)
{
    (void)l;
    (void)w;
    (void)events;
    act(CURL_SOCKET_TIMEOUT, 0);
}

static int on_socket(CURL *easy, curl_socket_t s, int what, void *ud, void *per_socket)
{
    (void)easy;
    (void)ud;
    (void)per_socket;
    if (s < 0 || s >= SOCKETS)
        die("too many sockets");
    ev_io_stop(loop, &sockets[s]);
    if (what == CURL_POLL_REMOVE)
        return 0;
    ev_io_init(&sockets[s], on_ready, s, (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    ev_io_start(loop, &sockets[s]);
    return 0;
}

static int on_timeout(CURLM *m, long ms, void *ud)
{
    (void)m;
    (void)ud;
    ev_timer_stop(loop, &timer);
    if (ms >= 0) {
        ev_timer_set(&timer, (double)ms / 1000, 0);
        ev_timer_start(loop, &timer);
    }
    return 0;
}

static CURL *new_easy(void)
{
    CURL *e = curl_easy_init();
    if (e == NULL)
        die("not enough memory");
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "anzol/0.1.0"); /* the head is that of anzol */
    if (trust != NULL)
        curl_easy_setopt(e, CURLOPT_CAINFO, trust);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, body_len);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    return e;
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6)
        die("usage: floor URL COUNT CONNECTIONS BYTES [CERTIFICATES]");
    trust = argc == 6 ? argv[5] : NULL;
    url = argv[1];
    left = atol(argv[2]);
    long connections = atol(argv[3]);
    body_len = atol(argv[4]);
    if (left < 1 || connections < 1 || body_len < 0 || (body = malloc((size_t)body_len + 1)) == NULL)
        die("COUNT and CONNECTIONS are at least 1");
    memset(body, 'x', (size_t)body_len);
    curl_global_init(CURL_GLOBAL_ALL);
    loop = ev_default_loop(0);
    multi = curl_multi_init();
    headers = curl_slist_append(curl_slist_append(NULL, "Content-Type: application/json"), "Expect:");
    if (loop == NULL || multi == NULL || headers == NULL)
        die("not enough memory");
    ev_timer_init(&timer, on_time, 0, 0);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    for (long i = 0; i < connections && left > 0; i++)
        start(new_easy());
    ev_run(loop, 0);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%.0f requests/s, %.1f us of CPU a request, %ld of %ld failed\n", (double)done / wall,
           cpu / (double)done * 1e6, failed, done);
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    curl_global_cleanup();
    free(body);
    return failed != 0;
}
