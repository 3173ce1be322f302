/*
 * moments: what happens just when a flow comes to where it waits: approvals a moment before, at, and after it, and
 * crashes then; and events that come just while the host waits for a read of the disk. When that is, only the host
 * tells.
 */
#ifndef ANZOL_SIM_MOMENTS_H
#define ANZOL_SIM_MOMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum moment {
    MOMENT_ASKED,    /* the last request before the wait leaves */
    MOMENT_ANSWERED, /* the host is about to hear that it has succeeded */
    MOMENT_READ,     /* a read of the disk takes long */
};

/* So long after that moment the flow is approved; `number` makes the tag of that. */
void moments_approve(int number, int flow_number, enum moment m, int64_t after_ns);
/* The host dies before the disk's change `changes` after it. */
void moments_crash(int flow_number, int64_t changes, bool power, int64_t down_ns);
/* An event comes when a read takes long; one of them at a time. */
void moments_event(int number, const char *event, size_t pad);
/* The flow of that tag has come to it. */
void moments_come(const char *tag, enum moment m);
void moments_read_late(void);

#endif
