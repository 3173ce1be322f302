/*
 * attempt: how one HTTP exchange of a delivery ended. The transport fills it, the retry rule reads it, the store keeps
 * it.
 */
#ifndef ANZOL_CORE_ATTEMPT_H
#define ANZOL_CORE_ATTEMPT_H

#include "core/buf.h"

/* Stored by number: append only. */
enum attempt_error {
    ATTEMPT_OK = 0,   /* a whole response arrived, whatever its status */
    ATTEMPT_DNS,      /* the name did not resolve */
    ATTEMPT_CONNECT,  /* refused, unreachable, or no connection within the connect timeout */
    ATTEMPT_TLS,      /* handshake or certificate */
    ATTEMPT_TIMEOUT,  /* no whole response in time, after the request may have left */
    ATTEMPT_RESET,    /* the connection died after the request may have left */
    ATTEMPT_PROTOCOL, /* what came back is not HTTP */
    ATTEMPT_REQUEST,  /* the request cannot be made: bad URL, scheme not allowed, a secret that is gone */
    ATTEMPT_REDIRECT, /* too many redirects, or one that leaves the origin */
    ATTEMPT_INTERNAL, /* memory, or a bug */
    ATTEMPT_RENDER,   /* the template or body function failed: nothing was sent */
    ATTEMPT_WINDOW,   /* the retry window passed before the next attempt could be made */
    ATTEMPT_CRASH,    /* the runtime died while it was in flight */
    ATTEMPT_RULE,     /* an answer that the webhook's own rule calls no success, whatever its status */
    ATTEMPT_ERROR_COUNT
};

/* What may have happened at the receiver. DESIGN: retries. */
enum attempt_class {
    ATTEMPT_ANSWERED,   /* there is a status to decide by */
    ATTEMPT_NEVER_LEFT, /* the receiver cannot have seen it: safe to send again */
    ATTEMPT_AMBIGUOUS,  /* it may have been processed: again only under an idempotency key */
    ATTEMPT_PERMANENT,  /* sending again would end the same way */
};

struct attempt {
    int number;         /* 1, 2, … */
    int64_t started_ms; /* wall clock */
    int64_t duration_us;
    int status; /* 0: no status line arrived */
    enum attempt_error error;
    enum attempt_class class;
    int64_t retry_after_ms; /* from the response; -1: none */
    bool truncated;         /* body cut at the cap */
    bool headers_full;      /* a line of the head found no room: nothing behind it is kept either */
    char message[192];      /* error in words, "" when none; no secret in it */
    struct buf headers;     /* "Name: value\n" lines as they came, without the status line */
    struct buf body;
};

void attempt_init(struct attempt *a, int number);
void attempt_fini(struct attempt *a);
/* "dns", "connect", "tls", "timeout", "reset", …: what the API and the log call it; "" for ATTEMPT_OK. */
const char *attempt_error_name(enum attempt_error error);
/* Copies the text, cut to the room there is between two characters. Masked by the caller: half a secret is not found.
 */
void attempt_set_message(struct attempt *a, struct bytes text);
/* True when a response arrived with a 2xx status (RFC 9110 section 15.3): success where a webhook has no rule of its
 * own. */
bool attempt_succeeded(const struct attempt *a);
/* The value of the first header of that name (case-insensitive); an empty view when there is none. */
struct bytes attempt_header(const struct attempt *a, const char *name);

#endif
