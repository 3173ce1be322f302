/* native: the texts of a request, strings or pieces with secrets among them; and what cannot stand in a URL. */
#include "script/native_request.h"
#include "script/state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
struct request_text native_read_text(lua_State *L, struct native *n)
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
static const char *character_mistake(struct request_text url)
{
    for (size_t i = 0; i < url.count; i++) {
        struct bytes s = url.pieces[i].literal;
        for (size_t k = 0; k < s.len; k++) {
            unsigned char c = (unsigned char)s.data[k];
            if (c == ' ')
                return "the URL has a space in it (write it as %20)";
            if (c < 0x20 || c == 0x7F)
                return "the URL has a line break or another control character in it";
        }
    }
    return NULL;
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
        char c = text.data[i];
        bool encoded = c == '%' && text.len - i >= 3 && strncasecmp(text.data + i, "%2e", 3) == 0;
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
static const char *path_mistake(struct request_text url)
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
    return found || is_dot_segment(&s) ? "the path of the URL has '.' or '..' for a segment" : NULL;
}

const char *native_url_mistake(struct request_text url)
{
    const char *mistake = character_mistake(url);
    return mistake != NULL ? mistake : path_mistake(url);
}
