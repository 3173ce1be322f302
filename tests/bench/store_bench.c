/*
 * store_bench: CPU a row of the store, in microseconds: insert (a delivery without an event) and insert + update (with
 * its attempt), one write at a time and 256 at a time; and each write in the life of a run that makes one call, 256 at
 * a time. `make bench-store`, or build/bench/store_bench [FOLDER].
 */
#include "store/store.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST = 400, ANSWER = 200 };

static int wake_fd;
static size_t done_count, failed_count;
static int64_t next_seq;
static char request[REQUEST];
static struct attempt attempt;

struct pair {
    struct store_accept accept;
    struct store_delivery row;
    struct store_update update;
};

static void on_wake(void *ud)
{
    uint64_t one = 1;
    (void)ud;
    if (write(wake_fd, &one, sizeof one) != sizeof one)
        abort();
}

static void on_done(struct store_write *w, const struct err *failure)
{
    (void)w;
    done_count++;
    if (failure != NULL && failed_count++ == 0)
        fprintf(stderr, "store_bench: %s\n", failure->message);
}

static void wait_all(struct store *s, size_t n)
{
    struct pollfd p = {.fd = wake_fd, .events = POLLIN};
    for (done_count = 0; done_count < n;) {
        uint64_t count;
        poll(&p, 1, -1);
        if (read(wake_fd, &count, sizeof count) == sizeof count)
            store_dispatch(s);
    }
}

static void fill(struct pair *p)
{
    struct uuid id = {{0}};
    int64_t seq = ++next_seq, now_ms = 1700000000000 + seq;
    for (int i = 0; i < 8; i++)
        id.b[i] = (uint8_t)(seq >> (56 - 8 * i));
    *p = (struct pair){
        .row = {.seq = seq,
                .id = id,
                .created_ms = now_ms,
                .webhook = bytes_of("order_paid"),
                .integration = bytes_of("shop"),
                .request = {request, sizeof request}},
        .accept = {.base = {.kind = STORE_ACCEPT, .done = on_done}, .count = 1},
        .update = {.base = {.kind = STORE_UPDATE, .done = on_done},
                   .row = {.seq = seq,
                           .state = DELIVERY_SUCCEEDED,
                           .attempts = 1,
                           .tries = 1,
                           .first_ms = now_ms,
                           .finished_ms = now_ms,
                           .status = 200},
                   .attempt = &attempt},
    };
    p->accept.deliveries = &p->row;
}

static double cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void run(struct store *s, const char *name, int batch, int total, int updates)
{
    struct pair *pairs = calloc((size_t)batch, sizeof *pairs);
    double cpu = cpu_us(), time = now_us();
    for (int n = 0; n < total; n += batch) {
        for (int i = 0; i < batch; i++) {
            fill(&pairs[i]);
            store_submit(s, &pairs[i].accept.base);
        }
        wait_all(s, (size_t)batch);
        for (int i = 0; updates && i < batch; i++)
            store_submit(s, &pairs[i].update.base);
        if (updates)
            wait_all(s, (size_t)batch);
    }
    printf("%-16s batch %3d: %6.2f us CPU a row, %7.2f us of time\n", name, batch, (cpu_us() - cpu) / total,
           (now_us() - time) / total);
    free(pairs);
}

/* --- runs ----------------------------------------------------------------------------------------------------- */

enum { RUNS = 256 };

/* A run that an event begins, that makes one call, gets its outcome, and ends. */
struct life {
    struct store_accept begin;
    struct store_event event;
    struct store_run run;
    struct store_advance call, end;
    struct store_step step;
    struct pair delivery;
    struct store_step_end outcome;
};

static struct life lives[RUNS];

static void fill_life(struct life *l)
{
    static char envelope[] = "{\"name\":\"order.paid\",\"data\":{\"Order\":{\"Id\":7,\"Total\":12.5,\"Items\":[1,2,3]},"
                             "\"Customer\":{\"Email\":\"somebody@example.com\",\"Name\":\"Some Body\"}}}";
    fill(&l->delivery);
    struct store_delivery *d = &l->delivery.row;
    int64_t event = ++next_seq, run = ++next_seq;
    l->event = (struct store_event){
        .seq = event, .id = d->id, .name = bytes_of("order.paid"), .body = bytes_of(envelope), .received_ms = event};
    l->run = (struct store_run){
        .seq = run, .id = d->id, .event_seq = event, .script = 1, .flow = bytes_of("checkout"), .created_ms = event};
    l->begin = (struct store_accept){
        .base = {.kind = STORE_ACCEPT, .done = on_done}, .event = &l->event, .runs = &l->run, .run_count = 1};
    l->step = (struct store_step){.run = run,
                                  .number = 1,
                                  .kind = STEP_CALL,
                                  .path = bytes_of("1"),
                                  .name = bytes_of("order_paid"),
                                  .ref = d->seq,
                                  .started_ms = event};
    d->run = run;
    d->step = 1;
    l->call = (struct store_advance){.base = {.kind = STORE_ADVANCE, .done = on_done},
                                     .run = {.seq = run, .state = RUN_WAITING, .steps = 1, .script = 1},
                                     .steps = &l->step,
                                     .step_count = 1,
                                     .deliveries = d,
                                     .delivery_count = 1};
    l->outcome = (struct store_step_end){
        .run = run, .step = 1, .attempt = 1, .ended_ms = event, .result = bytes_of("{\"ok\":true,\"attempts\":1}")};
    l->delivery.update.step = &l->outcome;
    l->end = (struct store_advance){.base = {.kind = STORE_ADVANCE, .done = on_done},
                                    .run = {.seq = run, .state = RUN_SUCCEEDED, .steps = 1, .script = 1},
                                    .seen = 1};
}

static struct store_write *write_of(struct life *l, int stage)
{
    struct store_write *const writes[] = {&l->begin.base, &l->call.base, &l->delivery.update.base, &l->end.base};
    return writes[stage];
}

static void run_lives(struct store *s, int total)
{
    static const char *const names[] = {"event + run", "call + delivery", "outcome", "end of run"};
    double cpu[4] = {0};
    for (int n = 0; n < total; n += RUNS) {
        for (int i = 0; i < RUNS; i++)
            fill_life(&lives[i]);
        for (int stage = 0; stage < 4; stage++) {
            double start = cpu_us();
            for (int i = 0; i < RUNS; i++)
                store_submit(s, write_of(&lives[i], stage));
            wait_all(s, RUNS);
            cpu[stage] += cpu_us() - start;
        }
    }
    for (int stage = 0; stage < 4; stage++)
        printf("%-16s batch %3d: %6.2f us CPU a run\n", names[stage], RUNS, cpu[stage] / total);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/store_bench.XXXXXX";
    struct err e;
    struct rusage u;
    wake_fd = eventfd(0, EFD_CLOEXEC);
    memset(request, 'r', sizeof request);
    attempt = (struct attempt){.number = 1, .status = 200, .duration_us = 1500, .started_ms = 1700000000000};
    buf_append_str(&attempt.headers, "Content-Type: application/json\nServer: nginx\nContent-Length: 200\n");
    for (int i = 0; i < ANSWER; i++)
        buf_append_char(&attempt.body, 'a');
    struct store_options o = {.folder = argc > 1 ? argv[1] : mkdtemp(folder), .wake = on_wake};
    struct store *s = store_open(&o, &e);
    if (s == NULL) {
        fprintf(stderr, "store_bench: %s\n", e.message);
        return 1;
    }
    next_seq = store_last_seq(s);
    run(s, "insert", 1, 2000, 0);
    run(s, "insert + update", 1, 2000, 1);
    run(s, "insert", 256, 256000, 0);
    run(s, "insert + update", 256, 256000, 1);
    run_lives(s, 400 * RUNS);
    double close_us = now_us();
    store_close(s);
    double open_us = now_us();
    s = store_open(&o, &e);
    getrusage(RUSAGE_SELF, &u);
    printf("close %.1f ms, open %.1f ms, %ld MB resident at most\n", (open_us - close_us) / 1e3,
           (now_us() - open_us) / 1e3, u.ru_maxrss / 1024);
    store_close(s);
    buf_fini(&attempt.headers);
    buf_fini(&attempt.body);
    return failed_count > 0;
}
