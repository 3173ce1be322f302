#include "asking.h"

#include "clock.h"
#include "scripts.h"
#include "server.h"
#include "text.h"
#include "world.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const int64_t ANSWER_MAX_NS = 60 * NS_PER_S;

static struct {
    bool answered;
    json_t *json;
} answer; /* json NULL: it is not there any more, or a violation */

static void on_answer(void *ud, int status, struct bytes json)
{
    (void)ud;
    json_error_t e;
    answer.answered = true;
    if (status == 404 && world.keep_ms > 0)
        return;
    if (status != 200)
        violation("log", "the API answers %d %.*s", status, (int)(json.len < 200 ? json.len : 200), json.data);
    else if ((answer.json = json_loadb(json.data, json.len, JSON_ALLOW_NUL, &e)) == NULL)
        violation("log", "the API's answer is not JSON: %s at byte %d", e.text, e.position);
}

static struct api_call *ask(void)
{
    answer.answered = false;
    answer.json = NULL;
    return server_call(on_answer, NULL);
}

/* NULL: a violation. */
static json_t *take_answer(void)
{
    int64_t until = clock_now_ns() + ANSWER_MAX_NS;
    while (!answer.answered && !world.failed && clock_now_ns() < until)
        world_run(clock_now_ns() + NS_PER_MS);
    if (!answer.answered)
        violation("log", "the API does not answer within a minute");
    return answer.json;
}

json_t *asking_delivery(struct uuid id)
{
    server_ops()->delivery(server_ops_ud(), id, ask());
    return take_answer();
}

json_t *asking_list(bool runs, int state, int64_t before_seq, int limit)
{
    struct api_filter f = {.state = state, .limit = limit, .before_seq = before_seq};
    if (!server_is_open()) {
        violation("log", "nobody serves");
        return NULL;
    }
    struct api_call *c = ask();
    if (runs)
        server_ops()->runs(server_ops_ud(), &f, c);
    else
        server_ops()->deliveries(server_ops_ud(), &f, c);
    return take_answer();
}

json_t *asking_run(struct uuid id)
{
    server_ops()->run(server_ops_ud(), id, ask());
    return take_answer();
}

int64_t asking_time(const json_t *o, const char *key)
{
    struct tm tm = {0};
    const char *dot = strptime(text(o, key), "%Y-%m-%dT%H:%M:%S", &tm);
    return dot == NULL ? -1 : (int64_t)timegm(&tm) * MS_PER_S + strtol(dot + 1, NULL, 10);
}
