#include "scenario_internal.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP_S = 20 };

int scenario_find(struct scenario *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (s->finding[0] == '\0')
        vsnprintf(s->finding, sizeof s->finding, format, args);
    va_end(args);
    return -1;
}

/* --- the daemon ------------------------------------------------------------------------------------------------- */

int scenario_find_death(struct scenario *s, const char *when)
{
    int status = s->daemon.status;
    if (WIFSIGNALED(status))
        return scenario_find(s, "%s: the daemon died of signal %d", when, WTERMSIG(status));
    return scenario_find(s, "%s: the daemon ended with code %d", when, WEXITSTATUS(status));
}

/* One line says why, it names the memory, and the code is that of a failure, not of mistakes in scripts. */
static int check_refusal(struct scenario *s)
{
    const char *log = daemon_log(&s->daemon), *said = strstr(log, "anzol run: ");
    int status = s->daemon.status;
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 0)
        return scenario_find_death(s, "start");
    if (said == NULL || strchr(said, '\n') == NULL || strchr(said, '\n')[1] != '\0')
        return scenario_find(s, "start: code %d, and stderr is not one clear line", WEXITSTATUS(status));
    if (strcasestr(said, "memory") == NULL || WEXITSTATUS(status) != 1)
        return scenario_find(s, "start: code %d for a lack of memory", WEXITSTATUS(status));
    s->refused = true;
    return 0;
}

int scenario_start(struct scenario *s)
{
    if (daemon_start(&s->daemon, s->fault) != 0)
        return scenario_find(s, "start: no process to be had");
    for (int i = 0; i < WAIT_POLLS; i++) {
        if (!daemon_lives(&s->daemon))
            return check_refusal(s);
        /* Its address is there before the last thread is. */
        if (client_find(&s->client, s->daemon.state) && client_call(&s->client, "GET", "/livez", NULL, NULL) == 200)
            return 0;
        usleep(POLL_US);
    }
    return scenario_find(s, "start: it neither serves nor ends");
}

int scenario_start_surely(struct scenario *s)
{
    if (scenario_start(s) != 0)
        return -1;
    return s->daemon.pid == 0 ? scenario_find(s, "start: refused with memory enough") : 0;
}

int scenario_stop(struct scenario *s)
{
    if (!daemon_lives(&s->daemon))
        return scenario_find_death(s, "before it was asked to stop");
    (void)kill(s->daemon.pid, SIGTERM);
    if (!daemon_wait(&s->daemon, STOP_S))
        return scenario_find(s, "stop: it does not end");
    return WIFEXITED(s->daemon.status) && WEXITSTATUS(s->daemon.status) == 0 ? 0 : scenario_find_death(s, "stop");
}

/* --- calls ------------------------------------------------------------------------------------------------------ */

int scenario_ask(struct scenario *s, const char *method, const char *path, const char *type, const char *body, int want)
{
    for (int i = 0; i < TRIES; i++) {
        int status = client_call(&s->client, method, path, type, body);
        if (status == want)
            return 0;
        s->told = true;
        if (!daemon_lives(&s->daemon))
            return scenario_find_death(s, path);
        if (status == CLIENT_SILENT)
            return scenario_find(s, "%s %s: no answer", method, path);
        if (status != CLIENT_CLOSED && status != 500 && status != 503)
            return scenario_find(s, "%s %s: %d %.300s", method, path, status, s->client.body);
        usleep(PAUSE_US);
    }
    return scenario_find(s, "%s %s: still %d %.300s", method, path, s->client.status, s->client.body);
}

void scenario_acknowledge(struct scenario *s, const char *webhook, const char *id)
{
    for (int i = 0; i < s->acknowledged_count; i++)
        if (strcmp(s->acknowledged[i][0], webhook) == 0 && strcmp(s->acknowledged[i][1], id) == 0)
            return;
    if (s->acknowledged_count == SCENARIO_IDS) {
        (void)scenario_find(s, "more than %d things to wait for", SCENARIO_IDS);
        return;
    }
    char(*a)[16] = s->acknowledged[s->acknowledged_count++];
    snprintf(a[0], sizeof a[0], "%s", webhook);
    snprintf(a[1], sizeof a[1], "%s", id);
}

int scenario_event(struct scenario *s, const char *name, const char *id)
{
    char body[512];
    snprintf(
        body, sizeof body,
        "{\"name\": \"%s\", \"id\": \"%s-%s\", \"data\": {\"Id\": \"%s\", \"Text\": \"A Text\", \"Carrier\": \"post\", "
        "\"Items\": [{\"Sku\": \"a\"}, {\"Sku\": \"b\"}]}}",
        name, name, id, id);
    int rc = scenario_ask(s, "POST", "/v1/events", "application/json", body, 202);
    s->runs += rc == 0 && strcmp(name, "order.placed") == 0;
    return rc;
}
