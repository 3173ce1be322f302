#include "looks.h"

#include "clients.h"
#include "outcomes.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>

struct look {
    bool at_one;
    int64_t asked_ns;
};

static void check_rows(const struct look *l, struct bytes json)
{
    json_t *shown = json_loadb(json.data, json.len, JSON_ALLOW_NUL, NULL);
    const json_t *rows = json_object_get(shown, "deliveries");
    if (shown == NULL)
        violation("answer", "a look is answered with what is not JSON");
    if (l->at_one && shown != NULL)
        outcomes_check_now(shown, l->asked_ns);
    for (size_t i = 0; i < json_array_size(rows); i++)
        outcomes_check_now(json_array_get(rows, i), l->asked_ns);
    json_decref(shown);
}

static void on_answer(void *ud, int status, struct bytes json)
{
    struct look *l = ud;
    bool gone = status == 404 && l->at_one && world.keep_ms > 0;
    if (status != 0 && status != 200 && status != 503 && !gone)
        violation("answer", "a look is answered %d %.*s", status, (int)json.len, json.data);
    if (status == 200)
        check_rows(l, json);
    free(l);
}

static struct api_call *begin(bool at_one)
{
    struct look *l = world_alloc(sizeof *l);
    *l = (struct look){.at_one = at_one, .asked_ns = clock_now_ns()};
    return server_call(on_answer, l);
}

static void look_at_one(uint64_t pick)
{
    const struct ask *a = clients_pick(pick, clients_has_ids);
    if (a != NULL)
        server_ops()->delivery(server_ops_ud(), a->ids[0], begin(true));
}

static void look_at_status(void)
{
    struct buf metrics;
    buf_init(&metrics);
    server_ops()->metrics(server_ops_ud(), &metrics);
    buf_fini(&metrics);
    server_ops()->listing(server_ops_ud(), API_STATUS, begin(false));
}

void looks_take(uint64_t pick)
{
    struct api_filter f = {.state = -1, .limit = 100};
    if (!server_is_open())
        return;
    switch (pick % 4) {
    case 0:
        server_ops()->deliveries(server_ops_ud(), &f, begin(false));
        break;
    case 1:
        server_ops()->runs(server_ops_ud(), &f, begin(false));
        break;
    case 2:
        look_at_one(pick >> 8);
        break;
    default:
        look_at_status();
    }
}
