#include "scenario_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RUN_TRIES = WAIT_POLLS / PAUSE_US * POLL_US }; /* a run is read again a second later, perhaps several times */

/* Of one without the key nobody may know more than that it was about to be sent: check_states() sees to it that this
 * was written down. */
static bool arrived(const struct scenario *s, int i)
{
    return receiver_count(s->receiver, s->acknowledged[i][0], s->acknowledged[i][1], 200) > 0 ||
           strcmp(s->acknowledged[i][0], "note") == 0;
}

int scenario_settle(struct scenario *s)
{
    int i = 0;
    if (s->finding[0] != '\0')
        return -1;
    for (int polls = 0; polls < WAIT_POLLS; polls++) {
        while (i < s->acknowledged_count && arrived(s, i))
            i++;
        if (i == s->acknowledged_count)
            return 0;
        if (!daemon_lives(&s->daemon))
            return scenario_find_death(s, "delivering");
        usleep(POLL_US);
    }
    (void)client_call(&s->client, "GET", "/v1/deliveries?limit=20", NULL, NULL);
    return scenario_find(s, "lost: %s %s; %.700s", s->acknowledged[i][0], s->acknowledged[i][1], s->client.body);
}

static int check_once(struct scenario *s)
{
    for (int i = 0; i < s->acknowledged_count; i++)
        if (strcmp(s->acknowledged[i][0], "note") == 0 &&
            receiver_count(s->receiver, "note", s->acknowledged[i][1], 0) > 1)
            return scenario_find(s, "note %s: sent twice, without the key", s->acknowledged[i][1]);
    return 0;
}

static int expect_none(struct scenario *s, const char *state, const char *but)
{
    char path[64], spared[64];
    snprintf(path, sizeof path, "/v1/deliveries?state=%s", state);
    snprintf(spared, sizeof spared, "\"webhook\":\"%s\"", but);
    if (scenario_ask(s, "GET", path, NULL, NULL, 200) != 0)
        return -1;
    for (const char *at = s->client.body; (at = strstr(at, "\"webhook\":\"")) != NULL; at++)
        if (strncmp(at, spared, strlen(spared)) != 0)
            return scenario_find(s, "a delivery is %s: %.600s", state, at);
    return 0;
}

/* The one without the key was sent once, or it is unknown. */
static int check_note(struct scenario *s)
{
    if (receiver_count(s->receiver, "note", "e1", 0) > 0 || receiver_count(s->receiver, "paid", "e1", 0) == 0)
        return 0;
    if (scenario_ask(s, "GET", "/v1/deliveries?state=unknown&webhook=note", NULL, NULL, 200) != 0)
        return -1;
    return strstr(s->client.body, "\"id\"") != NULL ? 0 : scenario_find(s, "lost: note e1, and it is not said");
}

static int check_states(struct scenario *s)
{
    return expect_none(s, "failed", "-") != 0 || expect_none(s, "canceled", "-") != 0 ||
                   expect_none(s, "unknown", "note") != 0 || check_note(s) != 0
               ? -1
               : 0;
}

static int count_of(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

/* Each has done all that it should, so it ends soon; one that found no memory is read again a second later. */
static int check_runs(struct scenario *s)
{
    int there = 0, succeeded = 0;
    for (int i = 0; i < RUN_TRIES; i++) {
        if (scenario_ask(s, "GET", "/v1/runs", NULL, NULL, 200) != 0)
            return -1;
        there = count_of(s->client.body, "\"flow\":\"journey\"");
        succeeded = count_of(s->client.body, "\"state\":\"succeeded\"");
        if (there == s->runs && succeeded == s->runs)
            return 0;
        usleep(PAUSE_US);
    }
    return scenario_find(s, "%d runs, %d of them succeeded, and %d were begun: %.600s", there, succeeded, s->runs,
                         s->client.body);
}

int scenario_check(struct scenario *s)
{
    return check_once(s) != 0 || check_states(s) != 0 || check_runs(s) != 0 ? -1 : 0;
}
