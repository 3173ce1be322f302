#include "batches.h"

#include "clients.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH_MAX = 64 };

struct batch {
    struct timer again;
    struct ask *asks[BATCH_MAX];
    struct buf texts[BATCH_MAX];
    struct bytes lines[BATCH_MAX];
    size_t count;
};

static void send_batch(struct batch *b);

static void on_line(void *ud, size_t line, enum api_line_result result)
{
    struct batch *b = ud;
    struct ask *a = b->asks[line];
    if (result == API_LINE_REJECTED)
        return;
    if (a->acknowledged && result != API_LINE_DUPLICATE)
        violation("once", "%s: accepted twice", a->tag);
    clients_acknowledge(a);
}

static void on_batch_again(struct timer *t, int64_t now_ns)
{
    (void)now_ns;
    send_batch((struct batch *)t);
}

static void on_batch_end(void *ud, int status, struct bytes json)
{
    struct batch *b = ud;
    (void)status, (void)json;
    bool all = true;
    for (size_t i = 0; i < b->count; i++)
        all = all && b->asks[i]->acknowledged;
    if (!all) {
        world_at(&b->again, clock_now_ns() + clients_patience());
        return;
    }
    for (size_t i = 0; i < b->count; i++)
        buf_fini(&b->texts[i]);
    free(b);
}

static void send_batch(struct batch *b)
{
    if (!server_is_open()) {
        on_batch_end(b, 0, (struct bytes){NULL, 0});
        return;
    }
    for (size_t i = 0; i < b->count; i++)
        b->asks[i]->tries++;
    server_batch(b->lines, b->count, on_line, on_batch_end, b);
}

void batches_send(int number, const char *event, size_t count, size_t pad)
{
    struct batch *b = world_alloc(sizeof *b);
    timer_init(&b->again, on_batch_again);
    b->count = count < BATCH_MAX ? count : BATCH_MAX;
    for (size_t i = 0; i < b->count; i++) {
        char tag[SIM_TAG];
        snprintf(tag, sizeof tag, "e%d.%zu", number, i);
        struct ask *a = b->asks[i] = clients_add(tag);
        a->event = event;
        a->keyed = true;
        a->pad = pad;
        clients_put_envelope(&b->texts[i], a);
        b->lines[i] = buf_view(&b->texts[i]);
    }
    note("e%d: a batch of %zu %s", number, b->count, event);
    send_batch(b);
}
