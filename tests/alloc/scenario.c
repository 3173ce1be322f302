#include "scenario_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *scenario_phase(int phase)
{
    return scenario_phases[phase].name;
}

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
    if ((!p->down && scenario_start_surely(s) != 0) || (p->before != NULL && p->before(s) != 0))
        return -1;
    s->told = false;
    fault_arm(s->fault, at, length);
    int rc = p->during(s);
    fault_disarm(s->fault);
    return rc != 0 || (p->after != NULL && p->after(s) != 0) ? -1 : 0;
}

/* Afterwards it takes more, has lost nothing, and ends as asked. */
static int go_on(struct scenario *s)
{
    if (scenario_event(s, "order.paid", "z") != 0)
        return -1;
    scenario_acknowledge(s, "paid", "z");
    if (scenario_settle(s) != 0 || scenario_check(s) != 0)
        return -1;
    return scenario_stop(s);
}

enum scenario_result scenario_run(struct scenario *s, int phase, long at, long length)
{
    receiver_clear(s->receiver);
    s->acknowledged_count = s->runs = 0;
    s->told = s->refused = false;
    s->finding[0] = '\0';
    if (daemon_clear(&s->daemon) != 0)
        return scenario_find(s, "no file to be had"), SCENARIO_FINDING;
    int rc = run_phase(s, &scenario_phases[phase], at, length);
    bool told = s->told;
    if (rc == 0)
        rc = go_on(s);
    daemon_kill(&s->daemon);
    if (rc != 0)
        return SCENARIO_FINDING;
    return s->refused ? SCENARIO_REFUSED : told ? SCENARIO_TOLD : SCENARIO_UNNOTICED;
}
