#include "net/call.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NO_BODY_MAX = 4096 };

/* --- is it a request -------------------------------------------------------------------------------------------- */

static void note(struct call_header *h, const char *wanted, const char *name, const char *value)
{
    if (strcasecmp(name, wanted) == 0 && h->count++ == 0)
        h->value = value;
}

static enum MHD_Result on_header(void *ud, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct call_headers *h = ud;
    switch (name[0] | 0x20) {
    case 'a':
        note(&h->authorization, MHD_HTTP_HEADER_AUTHORIZATION, name, value);
        break;
    case 'c':
        note(&h->length, MHD_HTTP_HEADER_CONTENT_LENGTH, name, value);
        note(&h->type, MHD_HTTP_HEADER_CONTENT_TYPE, name, value);
        break;
    case 'e':
        note(&h->expect, MHD_HTTP_HEADER_EXPECT, name, value);
        break;
    case 'h':
        note(&h->host, MHD_HTTP_HEADER_HOST, name, value);
        break;
    case 't':
        note(&h->encoding, MHD_HTTP_HEADER_TRANSFER_ENCODING, name, value);
        break;
    }
    return MHD_YES;
}

int guard_framing(struct api_call *c, struct err *e)
{
    struct call_headers *h = &c->headers;
    (void)MHD_get_connection_values(c->connection, MHD_HEADER_KIND, on_header, h);
    c->unframed = true;
    if (h->host.count > 1)
        return err_set(e, ERR_INPUT, 400, "found %d Host headers; expected one", h->host.count);
    if (h->length.count + h->encoding.count > 1)
        return err_set(e, ERR_INPUT, 400, "expected one Content-Length, or one Transfer-Encoding, and not both");
    if (h->encoding.count > 0 && (h->encoding.value == NULL || strcasecmp(h->encoding.value, "chunked") != 0))
        return err_set(e, ERR_INPUT, 400, "expected no Transfer-Encoding but chunked");
    c->unframed = false;
    return 0;
}

/* --- who asks ------------------------------------------------------------------------------------------------- */

static bool is_address(const char *host)
{
    unsigned char out[16];
    return inet_pton(AF_INET, host, out) == 1 || inet_pton(AF_INET6, host, out) == 1;
}

static bool is_localhost(const char *host)
{
    static const char tail[] = ".localhost";
    size_t len = strlen(host), tail_len = sizeof tail - 1;
    return strcasecmp(host, tail + 1) == 0 || (len > tail_len && strcasecmp(host + len - tail_len, tail) == 0);
}

/* The rest of "[::1]:8020" behind its name. */
static bool is_port(const char *text)
{
    return text[0] == '\0' || (text[0] == ':' && strspn(text + 1, "0123456789") == strlen(text + 1));
}

/* A page of another site can make a browser call us under that site's name (DNS rebinding): such a Host is refused.
 * Browsers always send one. */
static bool names_us(const struct server *s, const char *given)
{
    char host[CALL_HOST_SIZE];
    if (strlen(given) >= sizeof host)
        return false;
    bool bracketed = given[0] == '[';
    strcpy(host, given + bracketed);
    char *end = bracketed ? strchr(host, ']') : strchr(host, ':');
    if ((bracketed && end == NULL) || (end != NULL && !is_port(end + bracketed)))
        return false;
    if (end != NULL)
        *end = '\0';
    return is_localhost(host) || is_address(host) || strcasecmp(host, s->httpd.host) == 0;
}

/* Most say the same as the one before. */
static bool host_is_ours(const struct api_call *c)
{
    struct server *s = c->server;
    const char *given = c->headers.host.value;
    if (given == NULL || (given[0] != '\0' && strcmp(given, s->good_host) == 0))
        return true;
    if (!names_us(s, given))
        return false;
    strcpy(s->good_host, given);
    return true;
}

int guard_host(const struct api_call *c, struct err *e)
{
    if (host_is_ours(c))
        return 0;
    const char *host = c->server->httpd.host;
    bool is_name = !is_localhost(host) && !is_address(host);
    return err_set(e, ERR_INPUT, 403, "the Host header names another host; expected localhost%s%s or an IP address",
                   is_name ? ", " : "", is_name ? host : "");
}

static uint64_t word(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* As long for a wrong token as for the right one. */
static bool same(const char *given, const char *token)
{
    size_t expected = strlen(token), i = 0;
    bool long_enough = strlen(given) == expected;
    const char *other = long_enough ? given : token;
    uint64_t differs = !long_enough;
    for (; expected - i >= sizeof differs; i += sizeof differs)
        differs |= word(token + i) ^ word(other + i);
    for (; i < expected; i++)
        differs |= (unsigned char)(token[i] ^ other[i]);
    return differs == 0 && expected > 0;
}

int guard_token(const struct api_call *c, struct err *e)
{
    const char *given = c->headers.authorization.value;
    if (given != NULL && strncasecmp(given, "Bearer ", 7) == 0 && same(given + 7, c->server->token))
        return 0;
    return err_set(e, ERR_INPUT, 401, "expected 'Authorization: Bearer TOKEN' with the token of the state folder");
}

/* --- what comes with it --------------------------------------------------------------------------------------- */

/* "application/json; charset=utf-8" is application/json. */
static struct bytes media_type(const char *type)
{
    return (struct bytes){type, strcspn(type, "; \t")};
}

static bool type_is(const char *type, const char *wanted)
{
    struct bytes t = media_type(type);
    return t.len == strlen(wanted) && strncasecmp(t.data, wanted, t.len) == 0;
}

/* anything+json is JSON too. */
static bool type_is_json(const char *type)
{
    struct bytes t = media_type(type);
    return type_is(type, "application/json") || (t.len > 5 && strncasecmp(t.data + t.len - 5, "+json", 5) == 0);
}

static int check_type(struct api_call *c, bool batch_allowed, struct err *e)
{
    const char *type = c->headers.type.value;
    if (type != NULL && type_is_json(type))
        return 0;
    c->is_batch = batch_allowed && type != NULL && type_is(type, "application/x-ndjson");
    if (c->is_batch)
        return 0;
    const char *expected = batch_allowed ? "application/json or application/x-ndjson" : "application/json";
    return err_set(e, ERR_INPUT, 415, "Content-Type is %.80s; expected %s", type == NULL ? "missing" : type, expected);
}

int guard_body(struct api_call *c, enum body_kind kind, struct err *e)
{
    const struct server_options *o = &c->server->options;
    const char *text = c->headers.length.value;
    if (kind != BODY_NONE && check_type(c, kind == BODY_EVENT, e) != 0)
        return -1;
    c->body_max = kind == BODY_NONE ? NO_BODY_MAX : c->is_batch ? o->batch_max : o->event_max;
    if (text != NULL && strtoull(text, NULL, 10) > c->body_max)
        return err_set(e, ERR_INPUT, 413, "the body is %.20s bytes long; expected %zu at most", text, c->body_max);
    return 0;
}
