/* native: digests and message authentication codes, by OpenSSL's libcrypto. */
#include "script/budget.h"
#include "script/native.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const char *const names[] = {"md5", "sha1", "sha256", "sha512", NULL};

static const EVP_MD *check_algorithm(lua_State *L, int arg)
{
    const EVP_MD *const all[] = {EVP_md5(), EVP_sha1(), EVP_sha256(), EVP_sha512()};
    budget_check(L);
    return all[luaL_checkoption(L, arg, NULL, names)];
}

/* digest(algorithm, s): the bytes. */
static int l_digest(lua_State *L)
{
    const EVP_MD *algorithm = check_algorithm(L, 1);
    size_t len;
    const char *s = luaL_checklstring(L, 2, &len);
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_Digest(s, len, out, &n, algorithm, NULL) != 1)
        return native_raise(L, "this machine's OpenSSL refuses the digest");
    lua_pushlstring(L, (const char *)out, n);
    return 1;
}

/* hmac(algorithm, key, s): RFC 2104, the bytes. */
static int l_hmac(lua_State *L)
{
    const EVP_MD *algorithm = check_algorithm(L, 1);
    size_t key_len, len;
    const char *key = luaL_checklstring(L, 2, &key_len), *s = luaL_checklstring(L, 3, &len);
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    luaL_argcheck(L, key_len <= INT_MAX, 2, "the key is too long");
    if (HMAC(algorithm, key, (int)key_len, (const unsigned char *)s, len, out, &n) == NULL)
        return native_raise(L, "this machine's OpenSSL refuses the digest");
    lua_pushlstring(L, (const char *)out, n);
    return 1;
}

/* hex(s): upper case. */
static int l_hex(lua_State *L)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len;
    const char *s = luaL_checklstring(L, 1, &len);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < len; i++) {
        luaL_addchar(&b, digits[(unsigned char)s[i] >> 4]);
        luaL_addchar(&b, digits[(unsigned char)s[i] & 15]);
    }
    luaL_pushresult(&b);
    return 1;
}

const struct luaL_Reg native_hash_functions[] = {{"digest", l_digest}, {"hmac", l_hmac}, {"hex", l_hex}, {NULL, NULL}};
