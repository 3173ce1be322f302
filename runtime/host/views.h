/*
 * views: what the API shows of deliveries, of runs and of the runtime, as JSON. Nothing private is in what they read.
 */
#ifndef ANZOL_HOST_VIEWS_H
#define ANZOL_HOST_VIEWS_H

#include "core/json_write.h"
#include "host/loop.h"
#include "host/reload.h"
#include "host/scripts.h"
#include "script/generation.h"

/* {"id", "deliveries", "runs", "woken", "duplicate"} */
void view_event(struct buf *out, const struct intake_result *r);
/* What a delivery is doing now: the store does not know which are in flight. */
const char *view_state(const struct dispatch *d, const struct store_delivery *row);
/* {"id"[, "state"]} */
void view_id(struct buf *out, const struct uuid *id, const char *state);
/* {"deliveries": […], "next"}: a page of the log. */
void view_deliveries(struct buf *out, const struct dispatch *d, const struct store_read *r);
/* One delivery with its request, attempts and, when its webhook maps some, variables. `g` may be NULL. */
void view_delivery(struct buf *out, const struct dispatch *d, struct generation *g, const struct store_read *r);

/* {"runs": […], "next"}: a page of the log. */
void view_runs(struct buf *out, const struct store_read_runs *r);
/* One run with its event, its result and its steps. */
void view_run(struct buf *out, const struct store_read_runs *r);

/* {"generation", "integrations", "webhooks", "flows", "took_ms", "changes", "changed": {"webhooks": {"added",
 * "changed", "removed"}, …}, "warnings"}: what a reload has put in force. */
void view_loaded(struct buf *out, const struct scripts *s, const struct reload_result *r);

/* {"integration", "queued", "waiting", "in_flight", "used", "paused", "paused_until"}: how it stands with one.
 * "queued" and "waiting" are null until what was pending at the start is counted. */
void view_integration(struct buf *out, const struct lane *lane);

struct view_status {
    const char *version;
    int pid;
    int64_t started_ms;
    const char *not_ready; /* NULL: ready */
    const struct scripts *scripts;
    const struct reload *reload;
    const struct dispatch *dispatch;
    const struct runs *runs;
    const struct loop *turns;
};
void view_status(struct buf *out, const struct view_status *s);
/* Prometheus text exposition format, version 0.0.4. */
void view_metrics(struct buf *out, const struct view_status *s);

#endif
