/*
 * exchange: a delivery as `show` and `send` print it, and a rendered request as `preview` does: the same shape.
 */
#ifndef ANZOL_CLI_EXCHANGE_H
#define ANZOL_CLI_EXCHANGE_H

#include "cli/render.h"

struct json_t; /* Jansson's */

/* {"method", "url", "headers": [{"name", "value", "from"?, "overrides"?}], "body": string|null}: as it goes over the
 * wire. */
void exchange_print_request(const struct render *r, const struct json_t *request);
/* GET /v1/deliveries/ID; `text` is the answer itself, from which "vars" is shown as it came. */
void exchange_print_delivery(const struct render *r, const struct json_t *delivery, struct bytes text);

/* The parts that a run is shown with, too. */
/* What stands before the words of a line. */
void exchange_print_label(const struct render *r, const char *label);
/* A line with the time at `key`; nothing when there is none. */
void exchange_print_time(const struct render *r, const char *label, const struct json_t *of, const char *key);
/* A line, of {"id", "key", "name"}; nothing of null. */
void exchange_print_event(const struct render *r, const struct json_t *event);
/* {"headers", "body", "truncated"} */
void exchange_print_response(const struct render *r, const struct json_t *response);

#endif
