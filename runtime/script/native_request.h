/*
 * native_request: how the functions of native that write requests work together.
 *
 * A *head* is the options of a request in the bytes of core/request.h. *Prepared*, it has all that a webhook's requests
 * have in common, written once, when scripts are loaded, and copied into each delivery.
 */
#ifndef ANZOL_SCRIPT_NATIVE_REQUEST_H
#define ANZOL_SCRIPT_NATIVE_REQUEST_H

#include "script/native.h"

/* What follows a part: the URL, a header (the index of its name in the flat list), or the body alone. */
enum { PART_BODY = 0, PART_URL = -1 };

struct native_prepared {
    size_t count;
    struct prepared_part {
        struct bytes bytes;
        int next;
    } parts[];
};

int native_l_head(lua_State *L);    /* head(options) */
int native_l_prepare(lua_State *L); /* prepare(head, url, headers, live) */

/* A string, or a list of pieces, at the top. Valid until the next one is read. */
struct request_text native_read_text(lua_State *L, struct native *n);
/* What is wrong with a URL; NULL: nothing. */
const char *native_url_mistake(struct request_text url);

#endif
