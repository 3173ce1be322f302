/* native: the bytes of a delivery (core/request.h) and their way to the host. */
#include "script/generation.h"
#include "script/native.h"
#include "script/state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { KEEP_MAX = 1 << 20, TIMEOUT_MS = 30000, CONNECT_MS = 5000, WEBHOOK = 1, INTEGRATION, HEAD, URL, HEADERS, BODY };

static bool flag(lua_State *L, int table, const char *name)
{
    lua_getfield(L, table, name);
    bool set = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return set;
}

/* A field that is milliseconds; `otherwise` when it is absent. */
static uint32_t milliseconds(lua_State *L, int table, const char *name, uint32_t otherwise)
{
    lua_getfield(L, table, name);
    if (!lua_isnil(L, -1)) {
        lua_Integer n = lua_tointeger(L, -1);
        if (!lua_isinteger(L, -1) || n < 0 || n > UINT32_MAX)
            luaL_error(L, "head: '%s' is not a number of milliseconds", name);
        otherwise = (uint32_t)n;
    }
    lua_pop(L, 1);
    return otherwise;
}

/* Pushes the list and returns its length; 0 when it is absent. */
static int push_list(lua_State *L, int table, const char *name, int max)
{
    if (lua_getfield(L, table, name) == LUA_TNIL)
        return 0;
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_Unsigned n = lua_rawlen(L, -1);
    if (n > (lua_Unsigned)max)
        luaL_error(L, "retry.%s: at most %d are possible", name, max);
    return (int)n;
}

static uint32_t item(lua_State *L, int i, const char *name, lua_Integer max)
{
    lua_rawgeti(L, -1, i);
    lua_Integer n = lua_tointeger(L, -1);
    if (!lua_isinteger(L, -1) || n < 0 || n > max)
        luaL_error(L, "retry.%s: item %d is out of range", name, i);
    lua_pop(L, 1);
    return (uint32_t)n;
}

/* The retry table is at the top. */
static void read_retry(lua_State *L, struct retry_policy *p)
{
    int t = lua_gettop(L);
    p->delay_count = (uint8_t)push_list(L, t, "delays", RETRY_DELAYS_MAX);
    for (int i = 0; i < p->delay_count; i++)
        p->delays_ms[i] = item(L, i + 1, "delays", UINT32_MAX);
    p->code_count = (uint8_t)push_list(L, t, "codes", RETRY_CODES_MAX);
    for (int i = 0; i < p->code_count; i++)
        p->codes[i] = (uint16_t)item(L, i + 1, "codes", 999);
    p->on = (uint8_t)((flag(L, t, "c4xx") ? RETRY_ON_4XX : 0) | (flag(L, t, "c5xx") ? RETRY_ON_5XX : 0) |
                      (flag(L, t, "timeout") ? RETRY_ON_TIMEOUT : 0));
    p->within_ms = milliseconds(L, t, "within", p->within_ms);
    lua_settop(L, t);
}

static int l_head(lua_State *L)
{
    struct native *n = native_self(L);
    struct err e;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct request_options o = {
        .flags =
            (uint8_t)((flag(L, 1, "has_key") ? REQUEST_HAS_KEY : 0) |
                      (flag(L, 1, "redirects") ? REQUEST_FOLLOW_REDIRECTS : 0) |
                      (flag(L, 1, "has_body") ? REQUEST_HAS_BODY : 0) | (flag(L, 1, "judged") ? REQUEST_JUDGED : 0)),
        .timeout_ms = milliseconds(L, 1, "timeout_ms", TIMEOUT_MS),
        .connect_ms = milliseconds(L, 1, "connect_ms", CONNECT_MS),
    };
    retry_policy_default(&o.retry);
    if (lua_getfield(L, 1, "retry") == LUA_TTABLE)
        read_retry(L, &o.retry);
    lua_getfield(L, 1, "method");
    luaL_checktype(L, -1, LUA_TSTRING);
    buf_clear(&n->scratch);
    if (request_put_head(&n->scratch, &o, native_string_at(L, -1), &e) != 0)
        return state_raise(L, &e);
    lua_pushlstring(L, n->scratch.data, n->scratch.len);
    return 1;
}

static int l_on_event(lua_State *L)
{
    const struct render_sink *sink = native_self(L)->sink;
    luaL_checktype(L, 1, LUA_TSTRING);
    struct event_head h = {.name = native_string_at(L, 1)};
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TSTRING);
        h.key = native_string_at(L, 2);
    }
    if (sink != NULL && sink->on_event != NULL)
        sink->on_event(sink->ud, &h);
    return 0;
}

static void reserve_pieces(lua_State *L, struct native *n, size_t count)
{
    if (count <= n->piece_cap)
        return;
    struct request_piece *pieces =
        count > SIZE_MAX / sizeof *pieces / 2 ? NULL : realloc(n->pieces, count * 2 * sizeof *pieces);
    if (pieces == NULL)
        state_starve(L);
    n->pieces = pieces;
    n->piece_cap = count * 2;
}

static enum slot_encoding read_encoding(lua_State *L)
{
    static const char *const names[] = {"raw", "header", "url", "json", "xml", "base64"}; /* as enum slot_encoding */
    const char *typed = lua_tostring(L, -1);
    for (size_t i = 0; typed != NULL && i < sizeof names / sizeof *names; i++)
        if (strcmp(typed, names[i]) == 0)
            return (enum slot_encoding)i;
    luaL_error(L, "a slot without an encoding");
    return SLOT_RAW;
}

/* The form of a signature, at the top; nil: the secret itself. */
static enum slot_form read_form(lua_State *L)
{
    static const char *const names[] = {"", "hex", "HEX", "base64", NULL}; /* as enum slot_form */
    return (enum slot_form)luaL_checkoption(L, -1, "", names);
}

/* The piece at the top. Its strings stay alive in the text it belongs to. */
static struct request_piece read_piece(lua_State *L)
{
    struct request_piece p = {.literal = {.len = 0}};
    if (lua_type(L, -1) == LUA_TSTRING) {
        p.literal = native_string_at(L, -1);
        return p;
    }
    if (lua_type(L, -1) != LUA_TTABLE || lua_getfield(L, -1, "secret") != LUA_TSTRING)
        luaL_error(L, "a text is a string or a list of strings and secrets");
    p.secret = native_string_at(L, -1);
    lua_getfield(L, -2, "encoding");
    p.encoding = read_encoding(L);
    lua_getfield(L, -3, "hmac");
    p.form = read_form(L);
    lua_getfield(L, -4, "message");
    if (p.form != SLOT_ITSELF)
        p.message = native_string_at(L, -1);
    lua_pop(L, 4);
    return p;
}

/* A string, or a list of pieces, at the top. Valid until the next one is read. */
static struct request_text read_text(lua_State *L, struct native *n)
{
    size_t count = 1;
    if (lua_type(L, -1) != LUA_TTABLE) {
        reserve_pieces(L, n, 1);
        n->pieces[0] = read_piece(L);
        return (struct request_text){n->pieces, count};
    }
    count = lua_rawlen(L, -1);
    reserve_pieces(L, n, count);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        n->pieces[i] = read_piece(L);
        lua_pop(L, 1);
    }
    return (struct request_text){n->pieces, count};
}

/* What curl would refuse or, worse, send: a space ends the request line, a line break starts a header. */
static void check_url(lua_State *L, struct request_text url)
{
    for (size_t i = 0; i < url.count; i++) {
        struct bytes s = url.pieces[i].literal;
        for (size_t k = 0; k < s.len; k++) {
            unsigned char c = (unsigned char)s.data[k];
            if (c == ' ')
                native_raise(L, "the URL has a space in it (write it as %20)");
            if (c < 0x20 || c == 0x7F)
                native_raise(L, "the URL has a line break or another control character in it");
        }
    }
}

/* Where a segment of the path ends. */
struct path_scan {
    int slashes; /* three begin the path */
    int dots;    /* of this segment */
    bool other;  /* it holds something else too */
};

static bool is_dot_segment(const struct path_scan *s)
{
    return s->slashes >= 3 && !s->other && (s->dots == 1 || s->dots == 2);
}

/* True when a segment is "." or "..", also with %2E, which receivers take for a dot (RFC 3986 section 5.2.4). */
static bool scan_path(struct path_scan *s, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool encoded = text.len - i >= 3 && strncasecmp(text.data + i, "%2e", 3) == 0;
        char c = text.data[i];
        if (c == '/' && is_dot_segment(s))
            return true;
        if (c == '/')
            *s = (struct path_scan){.slashes = s->slashes + 1};
        else if (c == '.' || encoded)
            s->dots++;
        else
            s->other = true;
        i += encoded ? 2 : 0;
    }
    return false;
}

/* Data that is ".." would lead the request out of the path that the script wrote. */
static void check_path(lua_State *L, struct request_text url)
{
    struct path_scan s = {0};
    bool found = false;
    for (size_t i = 0; i < url.count && !found; i++) {
        struct bytes text = url.pieces[i].literal;
        size_t end = 0;
        if (url.pieces[i].secret.data != NULL) {
            s.other = true;
            s.slashes = i == 0 ? 3 : s.slashes; /* a private root: all that follows is path */
            continue;
        }
        while (end < text.len && text.data[end] != '?' && text.data[end] != '#')
            end++;
        found = scan_path(&s, (struct bytes){text.data, end});
        if (end < text.len)
            break;
    }
    if (found || is_dot_segment(&s))
        native_raise(L, "the path of the URL has '.' or '..' for a segment");
}

static void put_headers(lua_State *L, struct native *n)
{
    struct err e;
    lua_Unsigned count = lua_rawlen(L, HEADERS);
    int rc = request_put_header_count(&n->scratch, count / 2, &e);
    for (lua_Unsigned i = 1; rc == 0 && i + 1 <= count; i += 2) {
        if (lua_rawgeti(L, HEADERS, (lua_Integer)i) != LUA_TSTRING)
            luaL_error(L, "emit: the name of a header is not a string");
        lua_rawgeti(L, HEADERS, (lua_Integer)i + 1);
        rc = request_put_header(&n->scratch, native_string_at(L, -2), read_text(L, n), &e);
        lua_pop(L, 2);
    }
    if (rc != 0)
        state_raise(L, &e);
}

/* The request of the arguments in n->scratch. */
static void compose(lua_State *L, struct native *n)
{
    struct err e;
    if (n->scratch.cap > KEEP_MAX)
        buf_fini(&n->scratch);
    buf_clear(&n->scratch);
    buf_append_bytes(&n->scratch, native_string_at(L, HEAD));
    lua_pushvalue(L, URL);
    struct request_text text = read_text(L, n);
    check_url(L, text);
    check_path(L, text);
    if (request_put_url(&n->scratch, text, &e) != 0)
        state_raise(L, &e);
    put_headers(L, n);
    lua_pushvalue(L, BODY);
    text = lua_isnil(L, BODY) ? (struct request_text){NULL, 0} : read_text(L, n);
    if (request_put_body(&n->scratch, text, &e) != 0)
        state_raise(L, &e);
}

/* An id serves one delivery, whatever became of it. */
static struct uuid take_id(struct native *n)
{
    if (!n->id_fresh)
        n->id = native_fresh_id(n);
    n->id_fresh = false;
    return n->id;
}

static void deliver(lua_State *L, struct native *n, struct rendered *r)
{
    if (n->sink == NULL)
        luaL_error(L, "there is nobody to take a delivery");
    r->id = take_id(n);
    r->webhook = native_string_at(L, WEBHOOK);
    r->integration = native_string_at(L, INTEGRATION);
    n->sink->on_delivery(n->sink->ud, r);
}

static int l_emit(lua_State *L)
{
    struct native *n = native_self(L);
    lua_settop(L, BODY);
    for (int i = WEBHOOK; i <= HEAD; i++)
        luaL_checktype(L, i, LUA_TSTRING);
    luaL_checktype(L, HEADERS, LUA_TTABLE);
    compose(L, n);
    struct rendered r = {.request = buf_view(&n->scratch)};
    deliver(L, n, &r);
    return 0;
}

static int l_emit_failed(lua_State *L)
{
    lua_settop(L, 3);
    luaL_checktype(L, 1, LUA_TSTRING);
    luaL_checktype(L, 2, LUA_TSTRING);
    struct rendered r = {.error = luaL_gsub(L, luaL_checkstring(L, 3), "\n", " ")};
    deliver(L, native_self(L), &r);
    return 0;
}

const struct luaL_Reg native_emit_functions[] = {
    {"head", l_head}, {"on_event", l_on_event}, {"emit", l_emit}, {"emit_failed", l_emit_failed}, {NULL, NULL}};
