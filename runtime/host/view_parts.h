/*
 * view_parts: pieces of JSON that several views have.
 */
#ifndef ANZOL_HOST_VIEW_PARTS_H
#define ANZOL_HOST_VIEW_PARTS_H

#include "core/json_write.h"
#include "core/uuid.h"

void view_put_id(struct json_write *w, const char *key, const struct uuid *id);
/* "status": 0 is null. */
void view_put_status(struct json_write *w, int status);
/* "headers": [{"name", "value"}], of "Name: value\n" lines. */
void view_put_headers(struct json_write *w, struct bytes lines);
/* "next": the cursor of the next page, or null. */
void view_put_next(struct json_write *w, bool more, int64_t before_seq);

#endif
