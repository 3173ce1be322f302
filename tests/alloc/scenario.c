#include "scenario.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIES = 400, PAUSE_US = 3000, POLL_US = 500, WAIT_POLLS = 40000, STOP_S = 20 };

static int find(struct scenario *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int find(struct scenario *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (s->finding[0] == '\0')
        vsnprintf(s->finding, sizeof s->finding, format, args);
    va_end(args);
    return -1;
}

/* --- the daemon ------------------------------------------------------------------------------------------------- */

static int find_death(struct scenario *s, const char *when)
{
    int status = s->daemon.status;
    if (WIFSIGNALED(status))
        return find(s, "%s: the daemon died of signal %d", when, WTERMSIG(status));
    return find(s, "%s: the daemon ended with code %d", when, WEXITSTATUS(status));
}

/* One line says why, it names the memory, and the code is that of a failure, not of mistakes in scripts. */
static int check_refusal(struct scenario *s)
{
    const char *log = daemon_log(&s->daemon), *said = strstr(log, "anzol run: ");
    int status = s->daemon.status;
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 0)
        return find_death(s, "start");
    if (said == NULL || strchr(said, '\n') == NULL || strchr(said, '\n')[1] != '\0')
        return find(s, "start: code %d, and stderr is not one clear line", WEXITSTATUS(status));
    if (strcasestr(said, "memory") == NULL || WEXITSTATUS(status) != 1)
        return find(s, "start: code %d for a lack of memory", WEXITSTATUS(status));
    s->refused = true;
    return 0;
}

/* 0: it is up, or was refused. */
static int start(struct scenario *s)
{
    if (daemon_start(&s->daemon, s->fault) != 0)
        return find(s, "start: no process to be had");
    for (int i = 0; i < WAIT_POLLS; i++) {
        if (!daemon_lives(&s->daemon))
            return check_refusal(s);
        /* Its address is there before the last thread is. */
        if (client_find(&s->client, s->daemon.state) && client_call(&s->client, "GET", "/livez", NULL, NULL) == 200)
            return 0;
        usleep(POLL_US);
    }
    return find(s, "start: it neither serves nor ends");
}

static int start_surely(struct scenario *s)
{
    if (start(s) != 0)
        return -1;
    return s->daemon.pid == 0 ? find(s, "start: refused with memory enough") : 0;
}

static int stop(struct scenario *s)
{
    if (!daemon_lives(&s->daemon))
        return find_death(s, "before it was asked to stop");
    (void)kill(s->daemon.pid, SIGTERM);
    if (!daemon_wait(&s->daemon, STOP_S))
        return find(s, "stop: it does not end");
    return WIFEXITED(s->daemon.status) && WEXITSTATUS(s->daemon.status) == 0 ? 0 : find_death(s, "stop");
}

/* --- calls ------------------------------------------------------------------------------------------------------ */

/* Asks until the status is `want`: what may come instead is 500, 503, or the end of the connection. */
static int ask(struct scenario *s, const char *method, const char *path, const char *type, const char *body, int want)
{
    for (int i = 0; i < TRIES; i++) {
        int status = client_call(&s->client, method, path, type, body);
        if (status == want)
            return 0;
        s->told = true;
        if (!daemon_lives(&s->daemon))
            return find_death(s, path);
        if (status == CLIENT_SILENT)
            return find(s, "%s %s: no answer", method, path);
        if (status != CLIENT_CLOSED && status != 500 && status != 503)
            return find(s, "%s %s: %d %.300s", method, path, status, s->client.body);
        usleep(PAUSE_US);
    }
    return find(s, "%s %s: still %d %.300s", method, path, s->client.status, s->client.body);
}

static void acknowledge(struct scenario *s, const char *webhook, const char *id)
{
    char(*a)[16] = s->acknowledged[s->acknowledged_count++ % SCENARIO_IDS];
    snprintf(a[0], sizeof a[0], "%s", webhook);
    snprintf(a[1], sizeof a[1], "%s", id);
}

static int event(struct scenario *s, const char *name, const char *id)
{
    char body[512];
    snprintf(
        body, sizeof body,
        "{\"name\": \"%s\", \"id\": \"%s-%s\", \"data\": {\"Id\": \"%s\", \"Text\": \"A Text\", \"Carrier\": \"post\", "
        "\"Items\": [{\"Sku\": \"a\"}, {\"Sku\": \"b\"}]}}",
        name, name, id, id);
    return ask(s, "POST", "/v1/events", "application/json", body, 202);
}

/* --- what must have happened ------------------------------------------------------------------------------------ */

/* Of one without the key nobody may know more than that it was about to be sent: check_states() sees to it that this
 * was written down. */
static bool arrived(const struct scenario *s, int i)
{
    return receiver_count(s->receiver, s->acknowledged[i][0], s->acknowledged[i][1], 200) > 0 ||
           strcmp(s->acknowledged[i][0], "note") == 0;
}

/* All that was acknowledged has arrived. */
static int settle(struct scenario *s)
{
    int i = 0;
    for (int polls = 0; polls < WAIT_POLLS; polls++) {
        while (i < s->acknowledged_count && arrived(s, i))
            i++;
        if (i == s->acknowledged_count)
            return 0;
        if (!daemon_lives(&s->daemon))
            return find_death(s, "delivering");
        usleep(POLL_US);
    }
    (void)client_call(&s->client, "GET", "/v1/deliveries?limit=20", NULL, NULL);
    return find(s, "lost: %s %s; %.700s", s->acknowledged[i][0], s->acknowledged[i][1], s->client.body);
}

static int check_once(struct scenario *s)
{
    for (int i = 0; i < s->acknowledged_count; i++)
        if (strcmp(s->acknowledged[i][0], "note") == 0 &&
            receiver_count(s->receiver, "note", s->acknowledged[i][1], 0) > 1)
            return find(s, "note %s: sent twice, without the key", s->acknowledged[i][1]);
    return 0;
}

static int expect_none(struct scenario *s, const char *state, const char *but)
{
    char path[64], spared[64];
    snprintf(path, sizeof path, "/v1/deliveries?state=%s", state);
    snprintf(spared, sizeof spared, "\"webhook\":\"%s\"", but);
    if (ask(s, "GET", path, NULL, NULL, 200) != 0)
        return -1;
    for (const char *at = s->client.body; (at = strstr(at, "\"webhook\":\"")) != NULL; at++)
        if (strncmp(at, spared, strlen(spared)) != 0)
            return find(s, "a delivery is %s: %.600s", state, at);
    return 0;
}

/* The one without the key was sent once, or it is unknown. */
static int check_note(struct scenario *s)
{
    if (receiver_count(s->receiver, "note", "e1", 0) > 0 || receiver_count(s->receiver, "paid", "e1", 0) == 0)
        return 0;
    if (ask(s, "GET", "/v1/deliveries?state=unknown&webhook=note", NULL, NULL, 200) != 0)
        return -1;
    return strstr(s->client.body, "\"id\"") != NULL ? 0 : find(s, "lost: note e1, and it is not said");
}

static int check_states(struct scenario *s)
{
    return expect_none(s, "failed", "-") != 0 || expect_none(s, "canceled", "-") != 0 ||
                   expect_none(s, "unknown", "note") != 0 || check_note(s) != 0
               ? -1
               : 0;
}

/* --- the phases ------------------------------------------------------------------------------------------------- */

static int do_event(struct scenario *s)
{
    if (event(s, "order.paid", "e1") != 0)
        return -1;
    acknowledge(s, "paid", "e1");
    acknowledge(s, "note", "e1");
    return settle(s);
}

#define LINE(id)                                                                                                       \
    "{\"name\": \"order.line\", \"id\": \"" id "\", \"data\": {\"Id\": \"" id "\", \"Items\": [{\"Sku\": 1}]}}\n"

/* Every line is accounted for; one that was rejected for want of memory is sent again. */
static int do_batch(struct scenario *s)
{
    for (int i = 0; i < TRIES; i++) {
        int accepted = 0, duplicates = 0, rejected = 0;
        if (ask(s, "POST", "/v1/events", "application/x-ndjson", LINE("b1") LINE("b2") LINE("b3"), 202) != 0)
            return -1;
        (void)sscanf(s->client.body, "{\"accepted\":%d,\"duplicates\":%d", &accepted, &duplicates);
        const char *total = strstr(s->client.body, "\"rejected_total\":");
        for (const char *at = s->client.body; (at = strstr(at, "\"line\":")) != NULL; at++)
            rejected++;
        if (total != NULL) /* there was no memory to say why */
            rejected = atoi(total + strlen("\"rejected_total\":"));
        if (accepted + duplicates + rejected != 3 ||
            (rejected > 0 && total == NULL && strstr(s->client.body, "memory") == NULL))
            return find(s, "batch: %.300s", s->client.body);
        if (rejected == 0)
            break;
        s->told = true;
    }
    acknowledge(s, "line", "b1");
    acknowledge(s, "line", "b2");
    acknowledge(s, "line", "b3");
    return settle(s);
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
            return find(s, "send: waited for, and %.600s", s->client.body);
        if (ask(s, "POST", "/v1/webhooks/direct", "application/json", data, 202) != 0)
            return -1;
        acknowledge(s, "direct", "d1");
    }
    acknowledge(s, "direct", "d1");
    return settle(s);
}

static int do_flow(struct scenario *s)
{
    if (event(s, "order.placed", "f1") != 0)
        return -1;
    acknowledge(s, "created", "f1");
    acknowledge(s, "line", "f1");
    if (event(s, "order.shipped", "f1") != 0)
        return -1;
    acknowledge(s, "done", "f1");
    return settle(s);
}

/* `want` 422: refused for what is wrong with the scripts, and not for want of memory. */
static int reload(struct scenario *s, int want)
{
    if (ask(s, "POST", "/v1/reload", NULL, NULL, want) != 0)
        return -1;
    bool right =
        want == 200 || (strstr(s->client.body, "shop.lua:") != NULL && strstr(s->client.body, "metod") != NULL);
    return right ? 0 : find(s, "reload: %.600s", s->client.body);
}

static int expect_version(struct scenario *s, const char *id, int version)
{
    if (event(s, "order.line", id) != 0)
        return -1;
    acknowledge(s, "line", id);
    if (settle(s) != 0)
        return -1;
    int found = receiver_version(s->receiver, "line", id);
    return found == version ? 0 : find(s, "reload: version %d serves, not %d", found, version);
}

static int do_reload(struct scenario *s)
{
    if (daemon_write_script(&s->daemon, "VERSION = 1", "VERSION = 2") != 0)
        return find(s, "no file to be had");
    return reload(s, 200) != 0 ? -1 : expect_version(s, "v2", 2);
}

/* Scripts with a mistake: the ones of before go on. */
static int do_mistake(struct scenario *s)
{
    if (daemon_write_script(&s->daemon, "webhook \"paid\" {", "webhook \"paid\" { metod = 1,") != 0)
        return find(s, "no file to be had");
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
            return find_death(s, "console");
        if (status == CLIENT_SILENT)
            return find(s, "console: no answer to %s; %.300s", line, s->client.body);
        if (status == 200 && strcasestr(s->client.body, "memory") == NULL)
            return find(s, "console: %.600s", s->client.body);
        usleep(PAUSE_US);
    }
    return find(s, "console: still %d %.600s", s->client.status, s->client.body);
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
    acknowledge(s, "direct", "c1");
    return settle(s);
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
        if (ask(s, "GET", paths[i], NULL, NULL, 200) != 0)
            return -1;
        if (i == 1)
            (void)sscanf(strstr(s->client.body, "\"id\":") == NULL ? "" : strstr(s->client.body, "\"id\":"),
                         "\"id\":\"%63[^\"]", id);
    }
    snprintf(path, sizeof path, "/v1/deliveries/%s", id);
    if (ask(s, "GET", path, NULL, NULL, 200) != 0 ||
        ask(s, "POST", "/v1/webhooks/paid/preview", "application/json", "{\"Id\": 1, \"Items\": []}", 200) != 0 ||
        ask(s, "GET", "/v1/runs?limit=1", NULL, NULL, 200) != 0)
        return -1;
    id[0] = '\0';
    (void)sscanf(strstr(s->client.body, "\"id\":") == NULL ? "" : strstr(s->client.body, "\"id\":"),
                 "\"id\":\"%63[^\"]", id);
    snprintf(path, sizeof path, "/v1/runs/%s", id);
    return ask(s, "GET", path, NULL, NULL, 200);
}

/* A request in flight, one waiting, a flow in the middle. */
static int begin_work(struct scenario *s)
{
    if (event(s, "order.placed", "w1") != 0 || event(s, "order.paid", "w1") != 0)
        return -1;
    acknowledge(s, "paid", "w1");
    if (event(s, "order.slow", "s1") != 0 || event(s, "order.slow", "s2") != 0)
        return -1;
    acknowledge(s, "slow", "s1");
    acknowledge(s, "slow", "s2");
    return 0;
}

static int end_work(struct scenario *s)
{
    if (event(s, "order.shipped", "w1") != 0)
        return -1;
    acknowledge(s, "created", "w1");
    acknowledge(s, "done", "w1");
    return settle(s);
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
    return start_surely(s) != 0 ? -1 : end_work(s);
}

static int after_recover(struct scenario *s)
{
    return s->daemon.pid == 0 && start_surely(s) != 0 ? -1 : end_work(s);
}

static int restart_refused(struct scenario *s)
{
    return s->daemon.pid == 0 ? start_surely(s) : 0;
}

static int do_event_and_flow(struct scenario *s)
{
    return do_event(s) != 0 ? -1 : do_flow(s);
}

/* `before` and `after` have all memory. */
static const struct phase {
    const char *name;
    bool down; /* the daemon does not run before it */
    int (*before)(struct scenario *);
    int (*during)(struct scenario *);
    int (*after)(struct scenario *);
} phases[SCENARIO_PHASES] = {
    {"start", true, NULL, start, restart_refused},
    {"event", false, NULL, do_event, NULL},
    {"batch", false, NULL, do_batch, NULL},
    {"send", false, NULL, do_send, NULL},
    {"flow", false, NULL, do_flow, NULL},
    {"reload", false, NULL, do_reload, NULL},
    {"mistake", false, NULL, do_mistake, NULL},
    {"console", false, do_event, do_console, NULL},
    {"reads", false, do_event_and_flow, do_reads, NULL},
    {"stop", false, begin_work, stop, after_stop},
    {"recover", false, begin_and_die, start, after_recover},
};

const char *scenario_phase(int phase)
{
    return phases[phase].name;
}

/* --- one run ---------------------------------------------------------------------------------------------------- */

int scenario_init(struct scenario *s, const char *folder)
{
    char url[64];
    *s = (struct scenario){.fault = fault_new(), .receiver = receiver_start()};
    if (s->fault == NULL || s->receiver == NULL || daemon_init(&s->daemon, folder) != 0) {
        perror(folder);
        return -1;
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d/shop/", s->receiver->port);
    (void)setenv("SHOP_URL", url, 1);
    (void)setenv("SHOP_TOKEN", "geheim-4711", 1);
    (void)setenv("ANZOL_DUMPABLE", "1", 1);
    return 0;
}

void scenario_fini(struct scenario *s)
{
    daemon_kill(&s->daemon);
    daemon_fini(&s->daemon);
    receiver_stop(s->receiver);
}

static int run_phase(struct scenario *s, const struct phase *p, long at, long length)
{
    if ((!p->down && start_surely(s) != 0) || (p->before != NULL && p->before(s) != 0))
        return -1;
    s->told = false;
    fault_arm(s->fault, at, length);
    int rc = p->during(s);
    fault_disarm(s->fault);
    return rc != 0 || (p->after != NULL && p->after(s) != 0) ? -1 : 0;
}

/* Afterwards it takes more, has lost nothing, and ends as asked. */
static int check(struct scenario *s)
{
    if (event(s, "order.paid", "z") != 0)
        return -1;
    acknowledge(s, "paid", "z");
    if (settle(s) != 0 || check_once(s) != 0 || check_states(s) != 0)
        return -1;
    return stop(s);
}

enum scenario_result scenario_run(struct scenario *s, int phase, long at, long length)
{
    receiver_clear(s->receiver);
    s->acknowledged_count = 0;
    s->told = s->refused = false;
    s->finding[0] = '\0';
    if (daemon_clear(&s->daemon) != 0)
        return find(s, "no file to be had"), SCENARIO_FINDING;
    int rc = run_phase(s, &phases[phase], at, length);
    bool told = s->told;
    if (rc == 0)
        rc = check(s);
    daemon_kill(&s->daemon);
    if (rc != 0)
        return SCENARIO_FINDING;
    return s->refused ? SCENARIO_REFUSED : told ? SCENARIO_TOLD : SCENARIO_UNNOTICED;
}
