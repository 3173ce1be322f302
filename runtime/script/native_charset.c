/* native: texts of other charsets in UTF-8 (iconv). */
#include "core/utf8.h"
#include "script/native.h"
#include "script/state.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { KEEP_MAX = 1 << 20, STEP = 4096 };

/*
 * What a receiver names is looked up here and not given to iconv: it knows a thousand names, many of them of modules
 * that nobody has used for decades. These are those of the Encoding standard (WHATWG), which browsers read too. Sorted.
 */
static const struct charset {
    const char *label, *name; /* as HTTP has it; as iconv does, NULL: it is UTF-8 */
} charsets[] = {
    {"ascii", "US-ASCII"},
    {"big5", "BIG5-HKSCS"},
    {"cp1250", "CP1250"},
    {"cp1251", "CP1251"},
    {"cp1252", "CP1252"},
    {"cp866", "IBM866"},
    {"euc-jp", "EUC-JP"},
    {"euc-kr", "UHC"},
    {"gb18030", "GB18030"},
    {"gb2312", "GB18030"},
    {"gbk", "GB18030"},
    {"ibm866", "IBM866"},
    {"iso-2022-jp", "ISO-2022-JP"},
    {"iso-8859-1", "ISO-8859-1"},
    {"iso-8859-10", "ISO-8859-10"},
    {"iso-8859-13", "ISO-8859-13"},
    {"iso-8859-14", "ISO-8859-14"},
    {"iso-8859-15", "ISO-8859-15"},
    {"iso-8859-16", "ISO-8859-16"},
    {"iso-8859-2", "ISO-8859-2"},
    {"iso-8859-3", "ISO-8859-3"},
    {"iso-8859-4", "ISO-8859-4"},
    {"iso-8859-5", "ISO-8859-5"},
    {"iso-8859-6", "ISO-8859-6"},
    {"iso-8859-7", "ISO-8859-7"},
    {"iso-8859-8", "ISO-8859-8"},
    {"iso-8859-9", "ISO-8859-9"},
    {"koi8-r", "KOI8-R"},
    {"koi8-u", "KOI8-U"},
    {"latin1", "ISO-8859-1"},
    {"macintosh", "MACINTOSH"},
    {"shift_jis", "CP932"},
    {"us-ascii", "US-ASCII"},
    {"utf-16", "UTF-16"},
    {"utf-16be", "UTF-16BE"},
    {"utf-16le", "UTF-16LE"},
    {"utf-8", NULL},
    {"utf8", NULL},
    {"windows-1250", "CP1250"},
    {"windows-1251", "CP1251"},
    {"windows-1252", "CP1252"},
    {"windows-1253", "CP1253"},
    {"windows-1254", "CP1254"},
    {"windows-1255", "CP1255"},
    {"windows-1256", "CP1256"},
    {"windows-1257", "CP1257"},
    {"windows-1258", "CP1258"},
    {"windows-874", "CP874"},
};

static int compare(const void *label, const void *item)
{
    return strcasecmp(label, ((const struct charset *)item)->label);
}

static const struct charset *find(const char *label)
{
    return bsearch(label, charsets, sizeof charsets / sizeof *charsets, sizeof *charsets, compare);
}

/* One call of iconv into `out`. A failure of memory is a success here: it stays in the buffer, and ends the loop. */
static bool step(iconv_t cd, char **from, size_t *left, struct buf *out)
{
    if (buf_reserve(out, STEP) != 0)
        return true;
    char *to = out->data + out->len;
    size_t room = out->cap - out->len;
    size_t rc = iconv(cd, from, left, &to, &room);
    int why = errno;
    out->len = (size_t)(to - out->data);
    return rc != (size_t)-1 || why == E2BIG;
}

/* Appends `in` to `out`; false when a byte of it stands for nothing. */
static bool to_utf8(const char *name, struct bytes in, struct buf *out)
{
    iconv_t cd = iconv_open("UTF-8", name);
    char *from = (char *)in.data;
    if (cd == (iconv_t)-1)
        return false;
    bool good = true;
    while (good && in.len > 0 && !buf_failed(out))
        good = step(cd, &from, &in.len, out);
    if (good)
        good = step(cd, NULL, NULL, out); /* a letter that was held back: an accent might have followed */
    iconv_close(cd);
    return good;
}

static int l_to_utf8(lua_State *L)
{
    struct bytes in;
    struct buf *out = &native_self(L)->scratch;
    in.data = luaL_checklstring(L, 1, &in.len);
    const struct charset *c = find(luaL_checkstring(L, 2));
    if (out->cap > KEEP_MAX)
        buf_fini(out);
    buf_clear(out);
    if (c != NULL && c->name == NULL && utf8_valid_prefix(in) == in.len)
        lua_pushvalue(L, 1);
    else if (c != NULL && c->name != NULL && to_utf8(c->name, in, out)) {
        if (buf_failed(out))
            return state_starve(L);
        lua_pushlstring(L, out->len == 0 ? "" : out->data, out->len);
    } else
        lua_pushnil(L);
    return 1;
}

const struct luaL_Reg native_charset_functions[] = {{"to_utf8", l_to_utf8}, {NULL, NULL}};
