/*
 * native_request: how the functions of native that write requests work together.
 *
 * A *head* is the options of a request in the bytes of core/request.h. *Prepared*, it has all that a webhook's requests
 * have in common, written once, when scripts are loaded, and copied into each delivery. A *hook* (native_hook.c) is a
 * webhook as its deliveries are made.
 */
#ifndef ANZOL_SCRIPT_NATIVE_REQUEST_H
#define ANZOL_SCRIPT_NATIVE_REQUEST_H

#include "script/native.h"

struct rendered;

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
int native_l_hook(lua_State *L);    /* hook(webhook, render) */
int native_l_deliver(lua_State *L); /* deliver(hook, data) */

/* Of the hook at the top: whether its functions may change the data they are given. */
bool native_hook_may_change(lua_State *L);
/* Pushes the webhook that the hook at `index` was made of. */
void native_push_hooked(lua_State *L, int index);

/* Where the stack holds a request that is rendered. */
enum { NATIVE_HEAD = 3, NATIVE_URL, NATIVE_HEADERS, NATIVE_BODY };

/* Makes it the next delivery. */
void native_emit(lua_State *L, struct native *n, struct bytes webhook, struct bytes integration);
/* n->scratch, empty. */
void native_begin_request(struct native *n);
/* Tells the host of a delivery; its id is the last one that was made for one. */
void native_deliver(lua_State *L, struct native *n, struct rendered *r);

/* A string, or a list of pieces, at the top. Valid until the next one is read. */
struct request_text native_read_text(lua_State *L, struct native *n);
/* What is wrong with a URL; NULL: nothing. */
const char *native_url_mistake(struct request_text url);

#endif
