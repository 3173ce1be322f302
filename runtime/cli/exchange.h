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

#endif
