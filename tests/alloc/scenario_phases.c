#include "scenario_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int do_event(struct scenario *s)
{
    if (scenario_event(s, "order.paid", "e1") != 0)
        return -1;
    scenario_acknowledge(s, "paid", "e1");
    scenario_acknowledge(s, "note", "e1");
    return scenario_settle(s);
}

#define LINE(id)                                                                                                       \
    "{\"name\": \"order.line\", \"id\": \"" id "\", \"data\": {\"Id\": \"" id "\", \"Items\": [{\"Sku\": 1}]}}\n"

/* Every line is accounted for; one that was rejected for want of memory is sent again. */
static int do_batch(struct scenario *s)
{
    for (int i = 0; i < TRIES; i++) {
        int accepted = 0, duplicates = 0, rejected = 0;
        if (scenario_ask(s, "POST", "/v1/events", "application/x-ndjson", LINE("b1") LINE("b2") LINE("b3"), 202) != 0)
            return -1;
        (void)sscanf(s->client.body, "{\"accepted\":%d,\"duplicates\":%d", &accepted, &duplicates);
        const char *total = strstr(s->client.body, "\"rejected_total\":");
        for (const char *at = s->client.body; (at = strstr(at, "\"line\":")) != NULL; at++)
            rejected++;
        if (total != NULL) /* there was no memory to say why */
            rejected = atoi(total + strlen("\"rejected_total\":"));
        if (accepted + duplicates + rejected != 3 ||
            (rejected > 0 && total == NULL && strstr(s->client.body, "memory") == NULL))
            return scenario_find(s, "batch: %.300s", s->client.body);
        if (rejected == 0)
            break;
        s->told = true;
    }
    scenario_acknowledge(s, "line", "b1");
    scenario_acknowledge(s, "line", "b2");
    scenario_acknowledge(s, "line", "b3");
    return scenario_settle(s);
}

static int do_send(struct scenario *s)
{
    static const char data[] = "{\"Id\": \"d1\", \"Items\": []}";
    for (int i = 0; i < TRIES; i++) {
        int status = client_call(&s->client, "POST", "/v1/webhooks/direct?wait=5s", "application/json", data);
        if (status == 200 && strstr(s->client.body, "\"state\":\"succeeded\"") != NULL)
            break;
        if (status == 202)
            break; /* it takes longer: libcurl has lost it, and it ends by its timeout */
        if (status == 200)
            return scenario_find(s, "send: waited for, and %.600s", s->client.body);
        if (scenario_ask(s, "POST", "/v1/webhooks/direct", "application/json", data, 202) != 0)
            return -1;
        scenario_acknowledge(s, "direct", "d1");
    }
    scenario_acknowledge(s, "direct", "d1");
    return scenario_settle(s);
}

static int do_flow(struct scenario *s)
{
    if (scenario_event(s, "order.placed", "f1") != 0)
        return -1;
    scenario_acknowledge(s, "created", "f1");
    scenario_acknowledge(s, "line", "f1");
    if (scenario_event(s, "order.shipped", "f1") != 0)
        return -1;
    scenario_acknowledge(s, "done", "f1");
    return scenario_settle(s);
}

/* `want` 422: refused for what is wrong with the scripts, and not for want of memory. */
static int reload(struct scenario *s, int want)
{
    if (scenario_ask(s, "POST", "/v1/reload", NULL, NULL, want) != 0)
        return -1;
    bool right =
        want == 200 || (strstr(s->client.body, "shop.lua:") != NULL && strstr(s->client.body, "metod") != NULL);
    return right ? 0 : scenario_find(s, "reload: %.600s", s->client.body);
}

static int expect_version(struct scenario *s, const char *id, int version)
{
    if (scenario_event(s, "order.line", id) != 0)
        return -1;
    scenario_acknowledge(s, "line", id);
    if (scenario_settle(s) != 0)
        return -1;
    int found = receiver_version(s->receiver, "line", id);
    return found == version ? 0 : scenario_find(s, "reload: version %d serves, not %d", found, version);
}

static int do_reload(struct scenario *s)
{
    if (daemon_write_script(&s->daemon, "VERSION = 1", "VERSION = 2") != 0)
        return scenario_find(s, "no file to be had");
    return reload(s, 200) != 0 ? -1 : expect_version(s, "v2", 2);
}

/* Scripts with a mistake: the ones of before go on. */
static int do_mistake(struct scenario *s)
{
    if (daemon_write_script(&s->daemon, "webhook \"paid\" {", "webhook \"paid\" { metod = 1,") != 0)
        return scenario_find(s, "no file to be had");
    return reload(s, 422) != 0 ? -1 : expect_version(s, "v1", 1);
}

static int attach(struct scenario *s, const char *line, const char *want)
{
    for (int i = 0; i < TRIES; i++) {
        int status = client_console(&s->client, line);
        if (status == 200 && strstr(s->client.body, want) != NULL)
            return 0;
        s->told = true;
        if (!daemon_lives(&s->daemon))
            return scenario_find_death(s, "console");
        if (status == CLIENT_SILENT)
            return scenario_find(s, "console: no answer to %s; %.300s", line, s->client.body);
        if (status == 200 && strcasestr(s->client.body, "memory") == NULL)
            return scenario_find(s, "console: %.600s", s->client.body);
        usleep(PAUSE_US);
    }
    return scenario_find(s, "console: still %d %.600s", s->client.status, s->client.body);
}

static int do_console(struct scenario *s)
{
    if (attach(s, "{\"id\":1,\"op\":\"eval\",\"code\":\"local t = {1, {a = 2}} return t, 1 + 41\",\"width\":80}\n",
               "42") != 0 ||
        attach(s, "{\"id\":1,\"op\":\"eval\",\"code\":\"print(x)\",\"json\":true}\n", "\"end\":") != 0 ||
        attach(s, "{\"id\":1,\"op\":\"complete\",\"code\":\"webh\",\"cursor\":4}\n", "webhook") != 0)
        return -1;
    if (attach(s, "{\"id\":1,\"op\":\"eval\",\"code\":\"return send('direct', {Id = 'c1', Items = {}})\"}\n",
               "\"end\":\"ok\"") != 0)
        return -1;
    scenario_acknowledge(s, "direct", "c1");
    return scenario_settle(s);
}

static int do_reads(struct scenario *s)
{
    static const char *const paths[] = {"/v1/deliveries?limit=2",
                                        "/v1/deliveries?webhook=paid",
                                        "/v1/integrations",
                                        "/v1/webhooks",
                                        "/v1/flows",
                                        "/v1/runs",
                                        "/v1/status",
                                        "/livez",
                                        "/readyz",
                                        "/metrics"};
    char id[64] = "", path[128];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (scenario_ask(s, "GET", paths[i], NULL, NULL, 200) != 0)
            return -1;
        if (i == 1)
            (void)sscanf(strstr(s->client.body, "\"id\":") == NULL ? "" : strstr(s->client.body, "\"id\":"),
                         "\"id\":\"%63[^\"]", id);
    }
    snprintf(path, sizeof path, "/v1/deliveries/%s", id);
    if (scenario_ask(s, "GET", path, NULL, NULL, 200) != 0 ||
        scenario_ask(s, "POST", "/v1/webhooks/paid/preview", "application/json", "{\"Id\": 1, \"Items\": []}", 200) !=
            0 ||
        scenario_ask(s, "GET", "/v1/runs?limit=1", NULL, NULL, 200) != 0)
        return -1;
    id[0] = '\0';
    (void)sscanf(strstr(s->client.body, "\"id\":") == NULL ? "" : strstr(s->client.body, "\"id\":"),
                 "\"id\":\"%63[^\"]", id);
    snprintf(path, sizeof path, "/v1/runs/%s", id);
    return scenario_ask(s, "GET", path, NULL, NULL, 200);
}

/* A request in flight, one waiting, a flow in the middle. */
static int begin_work(struct scenario *s)
{
    if (scenario_event(s, "order.placed", "w1") != 0 || scenario_event(s, "order.paid", "w1") != 0)
        return -1;
    scenario_acknowledge(s, "paid", "w1");
    if (scenario_event(s, "order.slow", "s1") != 0 || scenario_event(s, "order.slow", "s2") != 0)
        return -1;
    scenario_acknowledge(s, "slow", "s1");
    scenario_acknowledge(s, "slow", "s2");
    return 0;
}

static int end_work(struct scenario *s)
{
    if (scenario_event(s, "order.shipped", "w1") != 0)
        return -1;
    scenario_acknowledge(s, "created", "w1");
    scenario_acknowledge(s, "done", "w1");
    return scenario_settle(s);
}

static int begin_and_die(struct scenario *s)
{
    if (begin_work(s) != 0)
        return -1;
    daemon_kill(&s->daemon);
    return 0;
}

static int after_stop(struct scenario *s)
{
    return scenario_start_surely(s) != 0 ? -1 : end_work(s);
}

static int after_recover(struct scenario *s)
{
    return s->daemon.pid == 0 && scenario_start_surely(s) != 0 ? -1 : end_work(s);
}

static int restart_refused(struct scenario *s)
{
    return s->daemon.pid == 0 ? scenario_start_surely(s) : 0;
}

static int do_event_and_flow(struct scenario *s)
{
    return do_event(s) != 0 ? -1 : do_flow(s);
}

const struct phase scenario_phases[SCENARIO_PHASES] = {
    {"start", true, NULL, scenario_start, restart_refused},
    {"event", false, NULL, do_event, NULL},
    {"batch", false, NULL, do_batch, NULL},
    {"send", false, NULL, do_send, NULL},
    {"flow", false, NULL, do_flow, NULL},
    {"reload", false, NULL, do_reload, NULL},
    {"mistake", false, NULL, do_mistake, NULL},
    {"console", false, do_event, do_console, NULL},
    {"reads", false, do_event_and_flow, do_reads, NULL},
    {"stop", false, begin_work, scenario_stop, after_stop},
    {"recover", false, begin_and_die, scenario_start, after_recover},
};
