/*
 * scripts: the integrations, webhooks and flow of the simulated world, in a few variants that are loaded one after
 * another; and what of them the oracles need to know, said once more, in C.
 */
#ifndef ANZOL_SIM_SCRIPTS_H
#define ANZOL_SIM_SCRIPTS_H

#include "core/buf.h"

enum { SIM_INTEGRATIONS = 4, SIM_VARIANTS = 4, SIM_DELAYS_MAX = 4 };

#define SIM_SECRET "s3cr3t-of-the-world"

struct sim_webhook {
    const char *name, *event; /* event NULL: only of flows and direct calls */
    int integration;
    bool key;
    bool needs_json; /* its rule calls no other answer a success */
    int delay_count;
    int64_t delays_ms[SIM_DELAYS_MAX];
    int64_t within_ms, timeout_ms;
};

extern const struct sim_webhook sim_webhooks[];
extern const size_t sim_webhook_count;
const struct sim_webhook *scripts_webhook(struct bytes name);

/* Requests of an integration a second in that variant; 0: no limit. */
int scripts_rate(int integration, int variant);
/* … and how many of them at once. */
int scripts_cap(int integration, int variant);

const char *scripts_path(void);
/* Writes the file. */
void scripts_write(int variant);
/* A text that does not load takes its place. */
void scripts_write_broken(void);
/* What is in the file; a broken one is mended first. The host is about to start with it. */
int scripts_settle(void);

#endif
