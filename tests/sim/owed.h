/*
 * owed: deliveries that are acknowledged and were not sent yet. What has no key may be given up when the host dies, as
 * it may have been written down as sending, so it is no longer surely owed then.
 */
#ifndef ANZOL_SIM_OWED_H
#define ANZOL_SIM_OWED_H

#include "clients.h"

/* It is acknowledged, for the first time. */
void owed_since(struct ask *a);
/* A delivery of that tag by that webhook is sent for the first time. */
void owed_no_more(const char *tag, const struct sim_webhook *w);
void owed_life_ends(void);
/* Each delivery of it is owed. */
bool owed_wholly(const struct ask *a);
/* The event or call makes a delivery by that webhook. */
bool owed_by(const struct ask *a, const struct sim_webhook *w);

#endif
