/*
 * sign: signatures of requests, by OpenSSL's libcrypto.
 */
#ifndef ANZOL_NET_SIGN_H
#define ANZOL_NET_SIGN_H

#include "core/buf.h"

/* HMAC-SHA256 (RFC 2104). 0, or -1 when the library refuses. */
int sign_hmac_sha256(struct bytes key, struct bytes message, uint8_t out[32]);

#endif
