#include "net/easy.h"

#include "core/secrets.h"
#include "core/units.h"
#include "net/curl_errors.h"
#include "net/response.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* libcurl would use a connection that was idle for two minutes: the longer it is idle, the likelier the receiver is
 * just closing it. */
enum { IDLE_REUSE_S = 30, REDIRECTS_MAX = 5 };

static int64_t mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t wall_ms(const struct transport_options *o)
{
    if (o->wall_ms != NULL)
        return o->wall_ms();
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * MS_PER_S + t.tv_nsec / NS_PER_MS;
}

struct easy *easy_new(const struct transport_options *o)
{
    struct easy *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    x->curl = curl_easy_init();
    x->options = o;
    if (x->curl != NULL)
        return x;
    free(x);
    return NULL;
}

/* The strings hold secrets. */
static void wipe_headers(struct easy *x)
{
    for (struct curl_slist *h = x->headers; h != NULL; h = h->next)
        secrets_wipe(h->data, strlen(h->data));
    curl_slist_free_all(x->headers);
    x->headers = NULL;
}

void easy_end(struct easy *x)
{
    /* First the handle forgets its pointers, then what they point to goes. */
    curl_easy_reset(x->curl);
    wipe_headers(x);
    secrets_wipe_buf(&x->url);
    secrets_wipe_buf(&x->body);
    secrets_wipe_buf(&x->scratch);
    x->exchange = NULL;
}

void easy_free(struct easy *x)
{
    if (x == NULL)
        return;
    easy_end(x);
    curl_easy_cleanup(x->curl);
    buf_fini(&x->url);
    buf_fini(&x->body);
    buf_fini(&x->scratch);
    free(x);
}

/* --- callbacks ------------------------------------------------------------------------------------------------ */

static size_t on_header(char *data, size_t size, size_t count, void *ud)
{
    struct easy *x = ud;
    size_t len = size * count;
    return response_header_line(&x->exchange->attempt, (struct bytes){data, len}) == 0 ? len : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *ud)
{
    struct easy *x = ud;
    size_t len = size * count;
    size_t cap = x->options->body_cap > 0 ? x->options->body_cap : RESPONSE_BODY_CAP;
    int rc = response_body(&x->exchange->attempt, cap, (struct bytes){data, len});
    x->full = rc > 0;
    return rc == 0 ? len : 0;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
    char *x = NULL, *y = NULL;
    bool same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(x, y) == 0;
    curl_free(x);
    curl_free(y);
    return same;
}

/* RFC 6454: scheme, host, port. */
static bool same_origin(const char *first, const char *now)
{
    CURLU *a = curl_url(), *b = curl_url();
    bool same = a != NULL && b != NULL && curl_url_set(a, CURLUPART_URL, first, 0) == CURLUE_OK &&
                curl_url_set(b, CURLUPART_URL, now, 0) == CURLUE_OK && same_part(a, b, CURLUPART_SCHEME) &&
                same_part(a, b, CURLUPART_HOST) && same_part(a, b, CURLUPART_PORT);
    curl_url_cleanup(a);
    curl_url_cleanup(b);
    return same;
}

/*
 * Runs each time the request is about to be written. libcurl writes it a second time by itself when a reused connection
 * dies before the first byte of an answer; the receiver may have both, so that is for the retry rule to decide, not for
 * libcurl.
 */
static int on_about_to_send(void *ud, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    (void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
    struct easy *x = ud;
    long redirects = 0;
    const char *url = NULL;
    curl_easy_getinfo(x->curl, CURLINFO_REDIRECT_COUNT, &redirects);
    if (x->sends >= redirects + 1)
        return CURL_PREREQFUNC_ABORT;
    if (redirects > 0) {
        curl_easy_getinfo(x->curl, CURLINFO_EFFECTIVE_URL, &url);
        x->foreign = url == NULL || !same_origin(x->url.data, url);
        if (x->foreign)
            return CURL_PREREQFUNC_ABORT;
    }
    x->sends++;
    return CURL_PREREQFUNC_OK;
}

/* --- setting up ----------------------------------------------------------------------------------------------- */

static struct bytes get_secret(void *ud, struct bytes name)
{
    return secrets_get(ud, name);
}

static int fill(struct easy *x, struct buf *out, const struct request_view_text *text, struct err *e)
{
    struct request_secrets secrets = {.get = get_secret, .ud = (void *)(uintptr_t)x->options->secrets};
    buf_clear(out);
    if (request_fill(out, text, &secrets, e) != 0)
        return -1;
    return buf_cstr(out) == NULL ? err_memory(e) : 0;
}

static int add_header(struct easy *x, const char *line, struct err *e)
{
    struct curl_slist *longer = curl_slist_append(x->headers, line);
    if (longer == NULL)
        return err_memory(e);
    x->headers = longer;
    return 0;
}

/* "Name: value"; libcurl wants "Name;" for a header without a value. */
static int put_header(struct easy *x, size_t i, bool *has_type, struct err *e)
{
    struct bytes name = x->view.headers[i].name;
    if (fill(x, &x->body, &x->view.headers[i].value, e) != 0)
        return -1;
    buf_clear(&x->scratch);
    buf_append_bytes(&x->scratch, name);
    buf_append_str(&x->scratch, x->body.len > 0 ? ": " : ";");
    buf_append_bytes(&x->scratch, buf_view(&x->body));
    const char *line = buf_cstr(&x->scratch);
    if (line == NULL)
        return err_memory(e);
    *has_type |= name.len == 12 && strncasecmp(name.data, "Content-Type", 12) == 0;
    int rc = add_header(x, line, e);
    secrets_wipe_buf(&x->scratch);
    secrets_wipe_buf(&x->body);
    return rc;
}

static int put_headers(struct easy *x, struct err *e)
{
    bool has_type = false;
    for (size_t i = 0; i < x->view.header_count; i++)
        if (put_header(x, i, &has_type, e) != 0)
            return -1;
    /* What libcurl adds by itself: a wait for "100 Continue", and a form's type for any body. */
    if (add_header(x, "Expect:", e) != 0)
        return -1;
    return has_type ? 0 : add_header(x, "Content-Type:", e);
}

static void set_method(struct easy *x)
{
    struct bytes m = x->view.method;
    bool body = (x->view.options.flags & REQUEST_HAS_BODY) != 0;
    bool wants_length =
        bytes_equal(m, bytes_of("POST")) || bytes_equal(m, bytes_of("PUT")) || bytes_equal(m, bytes_of("PATCH"));
    buf_clear(&x->scratch);
    buf_append_bytes(&x->scratch, m);
    if (body || wants_length) {
        curl_easy_setopt(x->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(x->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.len);
        curl_easy_setopt(x->curl, CURLOPT_POSTFIELDS, x->body.len > 0 ? x->body.data : "");
    } else
        curl_easy_setopt(x->curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, buf_cstr(&x->scratch));
}

static void set_rules(struct easy *x)
{
    const struct request_options *o = &x->view.options;
    CURL *c = x->curl;
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    /* HTTP/2 sends a refused stream again by itself. */
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_USERAGENT, "anzol/" ANZOL_VERSION);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)o->timeout_ms);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_ms);
    curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, (long)IDLE_REUSE_S);
    if (x->options->ca_file != NULL)
        curl_easy_setopt(c, CURLOPT_CAINFO, x->options->ca_file);
    if (o->flags & REQUEST_FOLLOW_REDIRECTS) {
        curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
        curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(c, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
    }
}

static void set_callbacks(struct easy *x)
{
    CURL *c = x->curl;
    curl_easy_setopt(c, CURLOPT_PRIVATE, x);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->words);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_about_to_send);
    curl_easy_setopt(c, CURLOPT_PREREQDATA, x);
}

static int set_up(struct easy *x, struct err *e)
{
    if (request_view_read(&x->view, x->exchange->request, e) != 0 || fill(x, &x->url, &x->view.url, e) != 0 ||
        put_headers(x, e) != 0 || fill(x, &x->body, &x->view.body, e) != 0)
        return -1;
    set_rules(x);
    set_callbacks(x);
    set_method(x);
    if (curl_easy_setopt(x->curl, CURLOPT_URL, x->url.data) != CURLE_OK ||
        curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers) != CURLE_OK)
        return err_memory(e);
    return 0;
}

int easy_begin(struct easy *x, struct exchange *exchange)
{
    struct attempt *a = &exchange->attempt;
    struct err e;
    x->exchange = exchange;
    x->started_ns = mono_ns();
    x->sends = 0;
    x->foreign = x->full = false;
    x->words[0] = '\0';
    a->started_ms = wall_ms(x->options);
    a->retry_after_ms = -1;
    err_clear(&e);
    if (set_up(x, &e) == 0)
        return 0;
    a->error = e.domain == ERR_MEMORY ? ATTEMPT_INTERNAL : ATTEMPT_REQUEST;
    a->class = e.domain == ERR_MEMORY ? ATTEMPT_NEVER_LEFT : ATTEMPT_PERMANENT;
    snprintf(a->message, sizeof a->message, "%.*s", (int)sizeof a->message - 1, e.message);
    return -1;
}

/* --- reading out ---------------------------------------------------------------------------------------------- */

static void read_failure(struct easy *x, CURLcode code)
{
    struct attempt *a = &x->exchange->attempt;
    const struct curl_failure *f = curl_failure_of(code);
    a->error = x->sends > 0 ? f->sent_error : f->unsent_error;
    a->class = x->sends > 0 ? f->sent_class : f->unsent_class;
    const char *detail = x->words[0] != '\0' ? x->words : curl_easy_strerror(code);
    if (x->foreign) {
        a->error = ATTEMPT_REDIRECT;
        a->class = ATTEMPT_PERMANENT;
        snprintf(a->message, sizeof a->message, "the redirect leads to another origin");
    } else if (code == CURLE_ABORTED_BY_CALLBACK)
        snprintf(a->message, sizeof a->message, "%s", f->words);
    else
        snprintf(a->message, sizeof a->message, "%.60s: %.120s", f->words, detail);
}

void easy_read(struct easy *x, CURLcode code)
{
    struct attempt *a = &x->exchange->attempt;
    long status = 0;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    a->status = (int)status;
    a->duration_us = (mono_ns() - x->started_ns) / 1000;
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && x->full)) {
        a->error = ATTEMPT_OK;
        a->class = ATTEMPT_ANSWERED;
    } else
        read_failure(x, code);
    response_end(a, x->options->secrets, wall_ms(x->options));
}
