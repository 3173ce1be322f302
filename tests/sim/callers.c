#include "callers.h"

#include "clients.h"
#include "oracle.h"
#include "server.h"

#include <stdio.h>

void callers_approve(int number, int flow_number)
{
    char tag[SIM_TAG], flow[SIM_TAG];
    struct buf text = {0};
    snprintf(tag, sizeof tag, "e%d", number);
    snprintf(flow, sizeof flow, "e%d", flow_number);
    if (clients_find(flow) == NULL)
        return;
    struct ask *a = clients_add(tag);
    a->event = "approve";
    a->keyed = true;
    a->flow = clients_find(flow);
    buf_printf(&text, "{\"id\":\"key-%s\",\"name\":\"approve\",\"data\":{\"tag\":\"%s\",\"by\":\"%s\"}}", tag, flow,
               tag);
    note("%s: %s is approved", tag, flow);
    clients_send(a, &text);
}

static bool has_begun(const struct ask *a)
{
    return clients_is_flow(a) && a->acknowledged;
}

static bool is_running(const struct ask *a)
{
    return has_begun(a) && oracle_find_by(a->tag, "step", "last") == NULL;
}

static void on_canceled(void *ud, int status, struct bytes json)
{
    struct ask *a = ud;
    if (status == 202 && a->canceled_ns == 0) {
        a->canceled_ns = clock_now_ns();
        a->canceled_ms = clock_wall_ms();
    } else if (status == 409 && a->canceled_ns == 0 && a->refused_ns == 0) {
        a->refused_ns = clock_now_ns();
        a->refused_ms = clock_wall_ms();
    }
    if (status != 0 && status != 202 && status != 409 && status != 503 && !(status == 404 && world.keep_ms > 0))
        violation("answer", "a cancel is answered %d %.*s", status, (int)json.len, json.data);
}

void callers_cancel(uint64_t pick)
{
    struct ask *a = clients_pick(pick, pick % 4 != 0 ? is_running : has_begun);
    if (a == NULL || !server_is_open())
        return;
    note("%s: its run is canceled", a->tag);
    a->cancel_asked = true;
    struct api_call *c = server_call(on_canceled, a);
    if (server_may_accept(c))
        server_ops()->run_order(server_ops_ud(), a->run, API_CANCEL, c);
}
