/* The door to OpenSSL's libcrypto. */
#include "util/crypto.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>

/* Looked up once: OpenSSL searches its providers, under locks, whenever an algorithm is named,
 * which takes longer than the hash of a short text. */
static EVP_MD *sha256;
static EVP_MD *md5;
static EVP_MAC_CTX *hmac_sha256; /* to be copied */

static void look_up(void)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    md5 = EVP_MD_fetch(NULL, "MD5", NULL); /* the simulator's; NULL where FIPS forbids it */
    hmac_sha256 = EVP_MAC_CTX_new(mac);
    int ok = EVP_MAC_CTX_set_params(hmac_sha256, params);

    assert(sha256 && ok == 1);
    (void)ok;
    EVP_MAC_free(mac); /* the context keeps it */
}

static void need_algorithms(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, look_up);
}

void crypto_sha256(const void *bytes, size_t len, uint8_t out[SHA256_LEN])
{
    need_algorithms();
    int ok = EVP_Digest(bytes, len, out, NULL, sha256, NULL);

    assert(ok == 1);
    (void)ok;
}

void crypto_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                        uint8_t out[SHA256_LEN])
{
    need_algorithms();
    EVP_MAC_CTX *mac = EVP_MAC_CTX_dup(hmac_sha256);
    int ok = mac && EVP_MAC_init(mac, key, key_len, NULL) && EVP_MAC_update(mac, bytes, len) &&
             EVP_MAC_final(mac, out, NULL, SHA256_LEN);

    assert(ok);
    (void)ok;
    EVP_MAC_CTX_free(mac);
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

    need_algorithms();
    int ok = EVP_Digest(bytes, len, digest, NULL, md5, NULL);

    assert(ok == 1);
    (void)ok;
    crypto_hex(digest, sizeof(digest), out);
}

void crypto_base64(const void *bytes, size_t len, char *out)
{
    (void)EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
}

bool crypto_unbase64(const char *text, size_t text_len, char *out)
{
    int n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)text_len);

    return n >= 0 && (size_t)n == text_len / 4 * 3; /* it leaves out blanks around the text */
}
