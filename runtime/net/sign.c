#include "net/sign.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

int sign_hmac_sha256(struct bytes key, struct bytes message, uint8_t out[32])
{
    unsigned len = 0;
    const unsigned char *text = (const unsigned char *)(message.len == 0 ? "" : message.data);
    if (key.len > INT_MAX ||
        HMAC(EVP_sha256(), key.len == 0 ? "" : key.data, (int)key.len, text, message.len, out, &len) == NULL)
        return -1;
    return len == 32 ? 0 : -1;
}
