/*
 * json_write: JSON text out of C values, appended to a `struct buf`. The one writer for API answers, log lines
 * and the command line. Commas are placed by the writer. (Parsing is Jansson's, in the layers that parse.)
 *
 *     struct json_write w;
 *     json_write_init(&w, &buf);
 *     json_write_object(&w, NULL);
 *       json_write_str(&w, "id", id);
 *       json_write_array(&w, "deliveries");
 *         json_write_int(&w, NULL, 42);
 *       json_write_end(&w);
 *     json_write_end(&w);
 *
 * `key` is NULL inside an array and for the outermost value. Failures are the buffer's (buf_failed()).
 */
#ifndef ANZOL_CORE_JSON_WRITE_H
#define ANZOL_CORE_JSON_WRITE_H

#include "core/buf.h"

enum { JSON_WRITE_DEPTH = 16 };

struct json_write {
    struct buf *out;
    int depth;
    char closer[JSON_WRITE_DEPTH];
    bool comma[JSON_WRITE_DEPTH];
};

void json_write_init(struct json_write *w, struct buf *out);
void json_write_object(struct json_write *w, const char *key);
void json_write_array(struct json_write *w, const char *key);
/* Closes the innermost object or array. */
void json_write_end(struct json_write *w);
/* NULL is written as null. Bytes that are not UTF-8 become U+FFFD. */
void json_write_str(struct json_write *w, const char *key, const char *s);
void json_write_bytes(struct json_write *w, const char *key, struct bytes s);
void json_write_int(struct json_write *w, const char *key, int64_t n);
void json_write_double(struct json_write *w, const char *key, double n);
void json_write_bool(struct json_write *w, const char *key, bool v);
void json_write_null(struct json_write *w, const char *key);
/* Wall-clock milliseconds since 1970 as RFC 3339 in UTC with milliseconds; 0 as null. */
void json_write_time(struct json_write *w, const char *key, int64_t wall_ms);
/* An array of the lines of a text. */
void json_write_lines(struct json_write *w, const char *key, struct bytes text);
/* `text` is JSON already and goes out as it is. */
void json_write_raw(struct json_write *w, const char *key, struct bytes text);

/* A JSON string; bytes that are not UTF-8 become U+FFFD. */
void json_quote(struct buf *out, struct bytes s);
/* The inside of a JSON string literal (no quotes): RFC 8259 section 7. -1 when `s` is not valid UTF-8 (nothing
 * appended) or memory is short. */
int json_escape(struct buf *out, struct bytes s);
/* The shortest decimal form that reads back as the same double, with ".0" on whole numbers below 1e15 so that a
 * double stays a double; NaN and infinities are an error (-1): JSON has none. `out` holds at least 32 bytes. */
int json_number(char *out, double n);

#endif
