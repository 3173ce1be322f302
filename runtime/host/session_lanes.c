/* session_lanes: what lines of a console ask about integrations: how it stands with them, pauses, draining. */
#include "core/units.h"
#include "host/scripts.h"
#include "host/session_ops.h"
#include "host/views.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const int64_t LOOK_AGAIN_NS = 20 * NS_PER_MS;

static void answer_json(struct asking *q, struct buf *json)
{
    if (buf_failed(json))
        asking_answer(q, false, bytes_of("out of memory"));
    else
        asking_answer(q, true, buf_view(json));
    buf_fini(json);
}

static struct lane *lane_of(const struct call *c, struct err *e)
{
    const char *name = op_text(c->args, "integration");
    struct lane *lane = dispatch_find_lane(c->api->dispatch, bytes_of(name));
    if (lane == NULL)
        err_set(e, ERR_INPUT, 404, "no integration '%.100s'", name);
    return lane;
}

static void answer_lane(struct asking *q, const struct lane *lane)
{
    struct buf json;
    buf_init(&json);
    view_integration(&json, lane);
    answer_json(q, &json);
}

int op_pause(struct call *c, struct err *e)
{
    struct lane *lane = lane_of(c, e);
    const json_t *ms = json_object_get(c->args, "ms");
    if (lane == NULL)
        return -1;
    int64_t now_ns = lane->env->mono_ns(), most_ms = OP_FOR_EVER_MS;
    int64_t for_ms = (int64_t)json_integer_value(ms);
    for_ms = for_ms > 0 ? for_ms : 0;
    lane_pause(lane, ms == NULL ? INT64_MAX : now_ns + (for_ms < most_ms ? for_ms : most_ms) * NS_PER_MS);
    answer_lane(c->asking, lane);
    return 0;
}

int op_resume(struct call *c, struct err *e)
{
    struct lane *lane = lane_of(c, e);
    if (lane == NULL)
        return -1;
    lane_resume(lane);
    answer_lane(c->asking, lane);
    return 0;
}

static void on_look_again(struct timer *t, int64_t now_ns)
{
    struct asking *q = (struct asking *)((char *)t - offsetof(struct asking, timer));
    if (lane_is_idle(q->lane))
        answer_lane(q, q->lane);
    else
        timer_start(q->all->env->timers, t, now_ns + LOOK_AGAIN_NS);
}

int op_drain(struct call *c, struct err *e)
{
    struct asking *q = c->asking;
    q->lane = lane_of(c, e);
    if (q->lane == NULL)
        return -1;
    lane_pause(q->lane, INT64_MAX);
    q->ours = true;
    timer_init(&q->timer, on_look_again);
    timer_start(q->all->env->timers, &q->timer, q->all->env->mono_ns());
    return 0;
}

/* Adds how it stands with it to what the scripts say of an integration. */
static void add_state(const struct call *c, json_t *integration)
{
    struct buf json;
    const struct lane *lane = dispatch_find_lane(c->api->dispatch, bytes_of(op_text(integration, "name")));
    if (lane == NULL)
        return;
    buf_init(&json);
    view_integration(&json, lane);
    json_t *state = buf_failed(&json) ? NULL : json_loadb(json.data, json.len, 0, NULL);
    json_object_del(state, "integration");
    (void)json_object_update(integration, state);
    json_decref(state);
    buf_fini(&json);
}

/* Those that the scripts do not have any more, while something of them is pending. */
static void add_removed(const struct call *c, json_t *all)
{
    for (const struct lane *lane = c->api->dispatch->lanes; lane != NULL; lane = lane->next) {
        if (!lane->removed || lane_is_empty(lane))
            continue;
        json_t *integration = json_pack("{s:s}", "name", lane->name);
        if (integration != NULL)
            add_state(c, integration);
        (void)json_array_append_new(all, integration);
    }
}

int op_integrations(struct call *c, struct err *e)
{
    struct buf json;
    buf_init(&json);
    int rc = generation_list(c->api->intake->scripts->current, "integrations", &json, e);
    json_t *root = rc != 0 ? NULL : json_loadb(json.data, json.len, 0, NULL);
    json_t *all = json_object_get(root, "integrations");
    for (size_t i = 0; i < json_array_size(all); i++)
        add_state(c, json_array_get(all, i));
    add_removed(c, all);
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    if (rc == 0 && text == NULL)
        rc = err_memory(e);
    if (rc == 0)
        asking_answer(c->asking, true, bytes_of(text));
    free(text);
    json_decref(root);
    buf_fini(&json);
    return rc;
}
