/* Hashes, random bytes, base64 and comparison in constant time. The door to libcrypto. */
#ifndef BLOX_UTIL_CRYPTO_H
#define BLOX_UTIL_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN     32
#define SHA256_HEX_LEN (2 * SHA256_LEN + 1) /* with the NUL */

void crypto_sha256(const void *bytes, size_t len, uint8_t out[SHA256_LEN]);
void crypto_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                        uint8_t out[SHA256_LEN]);
/* Lower-case hexadecimal digits and a NUL: 2 * len + 1 bytes into out. */
void crypto_hex(const uint8_t *bytes, size_t len, char *out);
/* Bytes nobody can guess. */
void crypto_random(void *out, size_t len);
/* Takes the same time wherever the difference is. */
bool crypto_equal(const void *a, const void *b, size_t len);
/* MD5 in hexadecimal, for the MD5OfBody fields of SQS only. 33 bytes into out. */
void crypto_md5_hex(const void *bytes, size_t len, char *out);
/* Base64 with padding, and a NUL: (len + 2) / 3 * 4 + 1 bytes into out. len: up to 1 GiB. */
void crypto_base64(const void *bytes, size_t len, char *out);
/* The bytes of a base64 text, padding read as zero bytes: text_len / 4 * 3 bytes into out. False
 * for other characters and a wrong length; misplaced padding and bits behind the end are taken. */
bool crypto_unbase64(const char *text, size_t text_len, char *out);

#endif
