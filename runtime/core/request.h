/*
 * request: a rendered request as it is stored: everything an attempt needs, in one run of bytes.
 *
 * Private values are not in it. Where one belongs there is a *slot*: a position in the URL, a header value or the body,
 * the secret's name and how the place wants it encoded. request_fill() puts the values in, at the moment of sending,
 * into memory the caller wipes; request_masked() puts "***" in, for people.
 *
 * Format 1 (little-endian): u8 format, u8 flags, u32 timeout_ms, u32 connect_ms, retry policy, u8 method length +
 * method, url text, u16 header count, each u16 name length + name + value text, body text. A text is u32 length, u16
 * slots, each {u32 offset, u8 encoding, u16 name length, name}, then the bytes, slots cut out. A slot of a signature
 * has its form in the upper half of the encoding, and after the name u32 message length + message.
 */
#ifndef ANZOL_CORE_REQUEST_H
#define ANZOL_CORE_REQUEST_H

#include "core/buf.h"
#include "core/err.h"
#include "core/retry.h"

enum request_flags {
    REQUEST_HAS_KEY = 1,          /* carries the transactional id: DESIGN, retries */
    REQUEST_FOLLOW_REDIRECTS = 2, /* within the same origin, five at most */
    REQUEST_HAS_BODY = 4,         /* a body was given, be it empty */
    REQUEST_JUDGED = 8,           /* the webhook has a rule of its own for answers: the scripts are asked */
};

/* How a secret is written at its place. Stored by number: append only. */
enum slot_encoding {
    SLOT_RAW = 0,
    SLOT_HEADER = 1, /* refuses CR, LF and NUL */
    SLOT_URL = 2,    /* percent-encoded (RFC 3986 unreserved kept) */
    SLOT_JSON = 3,   /* JSON-escaped, no quotes */
    SLOT_XML = 4,
    SLOT_BASE64 = 5, /* padded, standard alphabet */
};

/* What is written of a secret: itself, or the HMAC-SHA256 of a message under it (RFC 2104). Stored by number too. */
enum slot_form {
    SLOT_ITSELF = 0,
    SLOT_HMAC_HEX = 1,
    SLOT_HMAC_HEX_UPPER = 2,
    SLOT_HMAC_BASE64 = 3,
};

/* Options of a webhook that travel with each of its deliveries. */
struct request_options {
    uint8_t flags;
    uint32_t timeout_ms;
    uint32_t connect_ms;
    struct retry_policy retry;
};

/* One piece of a text while a request is written: literal bytes, or a slot when `secret` is set. */
struct request_piece {
    struct bytes literal;
    struct bytes secret; /* name; data NULL: a literal */
    enum slot_encoding encoding;
    enum slot_form form;
    struct bytes message; /* that is signed */
};

struct request_text {
    const struct request_piece *pieces;
    size_t count;
};

/* Writing, in this order; appends to `out`. 0, or -1: too long for the format, or memory (see `e`). */
int request_put_head(struct buf *out, const struct request_options *options, struct bytes method, struct err *e);
int request_put_url(struct buf *out, struct request_text url, struct err *e);
int request_put_header_count(struct buf *out, size_t count, struct err *e);
int request_put_header(struct buf *out, struct bytes name, struct request_text value, struct err *e);
int request_put_body(struct buf *out, struct request_text body, struct err *e);

/* Reading. A view into the stored bytes, which must outlive it; slots are walked in place. */
struct request_view_text {
    struct bytes bytes; /* slots cut out */
    const uint8_t *slots;
    uint16_t slot_count;
};

enum { REQUEST_HEADERS_MAX = 128 };

struct request_view {
    struct request_options options;
    struct bytes method;
    struct request_view_text url;
    uint16_t header_count;
    struct {
        struct bytes name;
        struct request_view_text value;
    } headers[REQUEST_HEADERS_MAX];
    size_t head_len; /* of the stored bytes: what stands before the body */
    struct request_view_text body;
};

/* 0, or -1: the bytes are damaged or of a format this version does not know. Every length is checked. */
int request_view_read(struct request_view *v, struct bytes stored, struct err *e);
/* The body alone, of what stands behind the head. Errors as above. */
int request_body_read(struct request_view_text *body, struct bytes behind_head, struct err *e);
/* Its flags, or none when the first bytes are damaged already. */
uint8_t request_flags(struct bytes stored);
/* The options alone, cheaply. */
int request_options_read(struct request_options *o, struct bytes stored, struct err *e);

/* Gives the value of a secret; an empty `data` NULL view when it is gone. The view must stay valid during the fill. */
struct request_secrets {
    struct bytes (*get)(void *ud, struct bytes name);
    /* For signatures; 0, or -1. */
    int (*hmac_sha256)(struct bytes key, struct bytes message, uint8_t out[32]);
    void *ud;
};

/* Appends the text with its slots filled. -1 when a secret is gone or does not fit its place; `e` names the secret,
 * never shows it. The caller wipes `out` (secrets_wipe()). */
int request_fill(struct buf *out, const struct request_view_text *text, const struct request_secrets *secrets,
                 struct err *e);
/* Appends what has no slots to what may be filled: when `out` moves, no copy stays behind. */
int request_append(struct buf *out, struct bytes literal, struct err *e);
/* Appends the text with "***" in each slot. */
int request_masked(struct buf *out, const struct request_view_text *text);

/* Percent-encoding of everything but RFC 3986 unreserved characters. */
int request_percent_encode(struct buf *out, struct bytes value);

#endif
