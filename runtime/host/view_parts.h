/*
 * view_parts: pieces of JSON that several views have.
 */
#ifndef ANZOL_HOST_VIEW_PARTS_H
#define ANZOL_HOST_VIEW_PARTS_H

#include "core/attempt.h"
#include "core/json_write.h"
#include "core/uuid.h"

struct generation;

/* The id of nothing (all zero) is null. */
void view_append_id(struct buf *out, const struct uuid *id);
void view_put_id(struct json_write *w, const char *key, const struct uuid *id);
/* An empty text is null. */
void view_put_text(struct json_write *w, const char *key, struct bytes text);
/* "status": 0 is null. */
void view_put_status(struct json_write *w, int status);
/* "headers": [{"name", "value"}], "body", "truncated" of an answer. */
void view_put_answer(struct json_write *w, const struct attempt *a);
/* "error": {"kind", "message"}, or null. */
void view_put_error(struct json_write *w, enum attempt_error error, struct bytes message);
/* "response": what an answer had, or null. */
void view_put_response(struct json_write *w, const struct attempt *a);
/* "method", "url", headers and body of a request (core/request.h) under these names, masked; nothing of damaged bytes.
 * Of the body the first `most` bytes; 0: all. */
void view_put_request(struct json_write *w, struct bytes stored, const char *headers, const char *body, size_t most);
/* "integrations", "webhooks", "flows": how many a generation has. */
void view_put_counts(struct json_write *w, const struct generation *g);
/* "next": the cursor of the next page, or null. */
void view_put_next(struct json_write *w, bool more, int64_t before_seq);

#endif
