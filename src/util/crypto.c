/* The door to OpenSSL's libcrypto. */
#include "util/crypto.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

void crypto_sha256(const void *bytes, size_t len, uint8_t out[SHA256_LEN])
{
    int ok = EVP_Digest(bytes, len, out, NULL, EVP_sha256(), NULL);

    assert(ok == 1);
    (void)ok;
}

void crypto_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                        uint8_t out[SHA256_LEN])
{
    const unsigned char *mac = HMAC(EVP_sha256(), key, (int)key_len, bytes, len, out, NULL);

    assert(mac);
    (void)mac;
}

void crypto_hex(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

void crypto_random(void *out, size_t len)
{
    int ok = RAND_bytes(out, (int)len);

    assert(ok == 1);
    (void)ok;
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void crypto_md5_hex(const void *bytes, size_t len, char *out)
{
    uint8_t digest[16];
    int ok = EVP_Digest(bytes, len, digest, NULL, EVP_md5(), NULL);

    assert(ok == 1);
    (void)ok;
    crypto_hex(digest, sizeof(digest), out);
}
