#include "net/easy.h"

#include "core/memory.h"
#include "core/secrets.h"
#include "core/units.h"
#include "net/curl_errors.h"
#include "net/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    REDIRECTS_MAX = 5,
    TIMEOUT_MS = 30000, /* when the request says none: nothing may take for ever */
    CONNECT_MS = 5000,
    HEADS_MAX = 256 << 10, /* of heads in one exchange; libcurl's own end is at 300 KB, trailers not counted */
};

static int64_t mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* --- the words ------------------------------------------------------------------------------------------------ */

/* "words: detail", or one of them. Masked before it is cut: half a private value would not be found. */
static void set_message(struct attempt *a, const struct secrets *secrets, const char *words, const char *detail)
{
    char line[sizeof(struct err)];
    bool both = words != NULL && detail != NULL;
    snprintf(line, sizeof line, "%s%s%s", words != NULL ? words : "", both ? ": " : "", detail != NULL ? detail : "");
    if (secrets != NULL)
        (void)secrets_mask(secrets, line, strlen(line));
    attempt_set_message(a, bytes_of(line));
}

void easy_refuse(struct exchange *exchange, const struct transport_options *o, enum attempt_error error,
                 enum attempt_class class, const char *words)
{
    struct attempt *a = &exchange->attempt;
    a->started_ms = o->wall_ms();
    a->error = error;
    a->class = class;
    a->retry_after_ms = -1;
    set_message(a, o->secrets, words, NULL);
}

/* --- callbacks ------------------------------------------------------------------------------------------------ */

/*
 * Runs each time the request is about to be written. libcurl writes it a second time by itself when a reused connection
 * dies before the first byte of a response; the receiver may have both, so that is for the retry rule to decide.
 */
static int on_about_to_send(void *ud, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    (void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
    struct easy *x = ud;
    long redirects = 0;
    if (x->sends > 0)
        curl_easy_getinfo(x->curl, CURLINFO_REDIRECT_COUNT, &redirects);
    /* Before anything else: the status of a redirect is not the status of what it led to. */
    response_begin(&x->exchange->attempt);
    x->starved = memory_failures() != x->failures;
    if (x->starved)
        return CURL_PREREQFUNC_ABORT; /* it goes on without what it could not copy: the URL's query, for one */
    if (x->sends > redirects)
        return CURL_PREREQFUNC_ABORT;
    x->head_done = false;
    x->sends++;
    return CURL_PREREQFUNC_OK;
}

/* Looked at here and not when libcurl follows it: by then it would have connected to the stranger. */
static bool leaves_origin(struct easy *x, struct bytes line)
{
    static const char name[] = "Location:";
    const size_t name_len = sizeof name - 1;
    const char *url = NULL;
    char location[8192];
    while (line.len > 0 && strchr(" \t\r\n", line.data[line.len - 1]) != NULL)
        line.len--;
    if (line.len < name_len || strncasecmp(line.data, name, name_len) != 0)
        return false;
    line.data += name_len;
    line.len -= name_len;
    for (; line.len > 0 && strchr(" \t", line.data[0]) != NULL; line.len--)
        line.data++;
    if (line.len == 0)
        return false; /* libcurl follows none that is empty */
    if (line.len >= sizeof location)
        return true;
    memcpy(location, line.data, line.len);
    location[line.len] = '\0';
    return curl_easy_getinfo(x->curl, CURLINFO_EFFECTIVE_URL, &url) != CURLE_OK || url == NULL ||
           !origin_same(url, location);
}

static size_t on_header(char *data, size_t size, size_t count, void *ud)
{
    struct easy *x = ud;
    struct attempt *a = &x->exchange->attempt;
    struct bytes line = {data, size * count};
    x->head_bytes += line.len;
    if (x->head_bytes > HEADS_MAX) {
        a->truncated = x->head_done; /* the response stands, its trailers never end */
        return 0;
    }
    if (x->head_done)
        return line.len;
    if (response_header_line(a, line) != 0)
        return 0;
    bool is_redirect = (x->wire.options.flags & REQUEST_FOLLOW_REDIRECTS) && a->status >= 300 && a->status < 400;
    if (is_redirect && leaves_origin(x, line))
        x->left_origin = true;
    if ((data[0] == '\r' || data[0] == '\n') && a->status != 0)
        x->head_done = true;
    return x->head_done && x->left_origin ? 0 : line.len;
}

static size_t on_body(char *data, size_t size, size_t count, void *ud)
{
    struct easy *x = ud;
    struct bytes piece = {data, size * count};
    size_t margin = response_margin(x->options->secrets);
    return response_body(&x->exchange->attempt, x->options->body_cap, margin, piece) == 0 ? piece.len : 0;
}

/* --- setting up ----------------------------------------------------------------------------------------------- */

static bool set_rules(CURL *c, const struct transport_options *o)
{
    return curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           /* HTTP/2 sends a refused stream again by itself. */
           curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK && /* not those of the environment */
           curl_easy_setopt(c, CURLOPT_NOPROXY, "") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK && /* what is previewed is what is sent */
           curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, (long)o->idle_s) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL) == CURLE_OK &&
           /* Else a name that does not resolve in time would stop the whole loop until the resolver gives up. */
           curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
}

/* With a folder of certificates beside the file libcurl would read all of them anew for each connection. */
static bool set_trust(CURL *c, const struct transport_options *o)
{
    return curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK &&
           (o->ca_file == NULL || curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file) == CURLE_OK);
}

static bool set_callbacks(struct easy *x)
{
    CURL *c = x->curl;
    return curl_easy_setopt(c, CURLOPT_PRIVATE, x) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->words) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERDATA, x) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, x) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_about_to_send) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PREREQDATA, x) == CURLE_OK;
}

/* Whatever host and port a URL has, the connection is made to the one. */
static bool set_divert(struct easy *x)
{
    char everywhere[128];
    if (x->options->divert == NULL)
        return true;
    snprintf(everywhere, sizeof everywhere, "::%s", x->options->divert);
    x->connect_to = curl_slist_append(NULL, everywhere);
    return x->connect_to != NULL && curl_easy_setopt(x->curl, CURLOPT_CONNECT_TO, x->connect_to) == CURLE_OK;
}

struct easy *easy_new(const struct transport_options *o, struct origins *origins)
{
    struct easy *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    wire_init(&x->wire);
    x->options = o;
    x->origins = origins;
    x->timeout_ms = x->connect_ms = x->follows = -1; /* not told yet */
    x->curl = curl_easy_init();
    if (x->curl != NULL && set_rules(x->curl, o) && set_trust(x->curl, o) && set_divert(x) && set_callbacks(x))
        return x;
    easy_free(x);
    return NULL;
}

void easy_free(struct easy *x)
{
    if (x == NULL)
        return;
    curl_easy_cleanup(x->curl);
    curl_slist_free_all(x->connect_to);
    origin_unref(x->origin);
    wire_fini(&x->wire);
    free(x);
}

static bool set_body(CURL *c, const struct wire *w)
{
    if (!w->has_body)
        return curl_easy_setopt(c, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    return curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)w->body.len) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_POSTFIELDS, w->body.len > 0 ? w->body.data : "") == CURLE_OK;
}

/* Takes over `origin`; NULL: none. */
static bool set_origin(struct easy *x, struct origin *origin)
{
    if (curl_easy_setopt(x->curl, CURLOPT_CURLU, origin == NULL ? NULL : origin->url) != CURLE_OK) {
        origin_unref(origin);
        return false;
    }
    /* Or libcurl would keep the first for the whole life of the handle. */
    if (origin != NULL && origin != x->origin)
        (void)curl_easy_setopt(x->curl, CURLOPT_URL, NULL);
    origin_unref(x->origin);
    x->origin = origin;
    return true;
}

/* What libcurl has taken apart already it does not take apart again; what it refuses it may refuse in its own words. */
static bool set_url(struct easy *x)
{
    const struct wire *w = &x->wire;
    struct origin *origin = NULL;
    if (x->has_target)
        return true;
    if (w->origin_len > 0)
        origin = origins_get(x->origins, (struct bytes){w->url, w->origin_len});
    if (!set_origin(x, origin) ||
        curl_easy_setopt(x->curl, CURLOPT_REQUEST_TARGET, origin == NULL ? NULL : w->target) != CURLE_OK)
        return false;
    x->has_target = origin != NULL;
    return origin != NULL || curl_easy_setopt(x->curl, CURLOPT_URL, w->url) == CURLE_OK;
}

static bool set_method(struct easy *x)
{
    if (x->method == x->wire.method)
        return true;
    x->method = NULL; /* what a setting that fails leaves behind is not said */
    if (curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, x->wire.method) != CURLE_OK)
        return false;
    x->method = x->wire.method;
    return true;
}

/* These keep nothing, so they do not fail. */
static void set_number(struct easy *x, CURLoption option, long *told, long value)
{
    if (*told == value)
        return;
    curl_easy_setopt(x->curl, option, value);
    *told = value;
}

static bool set_request(struct easy *x)
{
    const struct wire *w = &x->wire;
    const struct request_options *o = &w->options;
    x->has_target &= w->same;
    set_number(x, CURLOPT_FOLLOWLOCATION, &x->follows, o->flags & REQUEST_FOLLOW_REDIRECTS ? 1 : 0);
    set_number(x, CURLOPT_TIMEOUT_MS, &x->timeout_ms, o->timeout_ms > 0 ? (long)o->timeout_ms : TIMEOUT_MS);
    set_number(x, CURLOPT_CONNECTTIMEOUT_MS, &x->connect_ms, o->connect_ms > 0 ? (long)o->connect_ms : CONNECT_MS);
    return set_body(x->curl, w) && set_method(x) && set_url(x) &&
           curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, w->headers) == CURLE_OK;
}

int easy_begin(struct easy *x, struct exchange *exchange)
{
    struct err e;
    x->exchange = exchange;
    x->started_ns = mono_ns();
    x->sends = 0;
    x->failures = memory_failures();
    x->starved = false;
    x->head_done = x->left_origin = false;
    x->head_bytes = 0;
    x->words[0] = '\0';
    exchange->attempt.started_ms = x->options->wall_ms();
    err_clear(&e);
    int rc = wire_fill(&x->wire, exchange->request, x->options->secrets, &e);
    if (rc == 0 && x->options->divert != NULL)
        wire_make_plain(&x->wire);
    if (rc == 0 && !set_request(x))
        rc = err_memory(&e);
    if (rc == 0)
        return 0;
    bool ours = e.domain == ERR_MEMORY;
    easy_refuse(exchange, x->options, ours ? ATTEMPT_INTERNAL : ATTEMPT_REQUEST,
                ours ? ATTEMPT_NEVER_LEFT : ATTEMPT_PERMANENT, e.message);
    exchange->attempt.duration_us = (mono_ns() - x->started_ns) / 1000;
    return -1;
}

size_t easy_place(const struct easy *x)
{
    if (x->origin != NULL)
        return x->origin->hash;
    const char *host = strstr(x->wire.url, "://") + strlen("://");
    return bytes_hash((struct bytes){x->wire.url, (size_t)(host - x->wire.url) + strcspn(host, "/?#")});
}

void easy_end(struct easy *x)
{
    /* First libcurl forgets, then what it pointed to goes. */
    curl_easy_setopt(x->curl, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, NULL);
    if (x->origin == NULL)
        curl_easy_setopt(x->curl, CURLOPT_URL, NULL);
    else if (x->wire.url_is_private)
        curl_easy_setopt(x->curl, CURLOPT_REQUEST_TARGET, NULL);
    wire_wipe(&x->wire);
    x->words[0] = '\0';
    x->exchange = NULL;
}

/* --- the result ----------------------------------------------------------------------------------------------- */

/* "Failed to connect to h port 1 after 0 ms: Couldn't connect to server" says it twice. */
static void cut_tail(char *words, const char *general)
{
    size_t len = strlen(words), tail = strlen(general);
    if (len > tail + 2 && strcmp(words + len - tail, general) == 0 && memcmp(words + len - tail - 2, ": ", 2) == 0)
        words[len - tail - 2] = '\0';
}

/* libcurl has its own idea of what a text is that it could not copy: no URL, for one. */
static bool is_starved(const struct easy *x, CURLcode code)
{
    bool final = x->left_origin || curl_failure_of(code)->sent_class == ATTEMPT_PERMANENT;
    bool by_memory = x->sends == 0 || final || code == CURLE_OUT_OF_MEMORY;
    return x->starved || (by_memory && memory_failures() != x->failures);
}

static void fail(struct easy *x, CURLcode code)
{
    struct attempt *a = &x->exchange->attempt;
    bool starved = is_starved(x, code);
    if (starved)
        code = CURLE_OUT_OF_MEMORY;
    const struct curl_failure *f = curl_failure_of(x->head_bytes > HEADS_MAX ? CURLE_WEIRD_SERVER_REPLY : code);
    bool sent = x->sends > 0;
    a->error = sent ? f->sent_error : f->unsent_error;
    a->class = sent ? f->sent_class : f->unsent_class;
    const char *words = sent && !starved && f->sent_words != NULL ? f->sent_words : f->words;
    const char *general = curl_easy_strerror(code);
    const char *detail = x->words[0] != '\0' ? x->words : general;
    cut_tail(x->words, general);
    /* Of what we stop ourselves libcurl has nothing to tell, and without memory it tells what is not so. */
    if (starved || code == CURLE_ABORTED_BY_CALLBACK || code == CURLE_WRITE_ERROR || x->wire.hides_host)
        detail = NULL;
    else if (x->words[0] != '\0' && !sent && (a->error == ATTEMPT_DNS || a->error == ATTEMPT_CONNECT))
        words = NULL; /* libcurl's own are as plain, and say where */
    set_message(a, x->options->secrets, words, detail);
}

void easy_read(struct easy *x, CURLcode code)
{
    struct attempt *a = &x->exchange->attempt;
    a->duration_us = (mono_ns() - x->started_ns) / 1000;
    if (x->left_origin && !is_starved(x, code)) {
        a->error = ATTEMPT_REDIRECT;
        a->class = ATTEMPT_PERMANENT;
        set_message(a, NULL, "the redirect leads to another origin", NULL);
    } else if (code == CURLE_OK || a->truncated) {
        a->error = ATTEMPT_OK; /* as much of it as is kept */
        a->class = ATTEMPT_ANSWERED;
    } else
        fail(x, code);
    response_end(a, x->options->secrets, a->started_ms + a->duration_us / 1000);
    response_cut(a, x->options->body_cap);
}
