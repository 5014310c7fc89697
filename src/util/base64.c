/* Base64 by OpenSSL, which is laxer than the standard in what it reads. */
#include "util/base64.h"

#include "util/crypto.h"

#define BASE64_LEN(len) (((len) + 2) / 3 * 4)
#define BYTES_MAX       ((size_t)1 << 30) /* OpenSSL counts in int */

void base64_encode(const void *bytes, size_t len, struct strbuf *out)
{
    strbuf_reserve(out, BASE64_LEN(len));
    crypto_base64(bytes, len, out->text + out->len);
    out->len += BASE64_LEN(len);
}

static size_t padding_of(const char *text, size_t len)
{
    if (len == 0 || text[len - 1] != '=') {
        return 0;
    }
    return text[len - 2] == '=' ? 2 : 1;
}

bool base64_decode(const char *text, size_t len, struct strbuf *out)
{
    AUTO_STRBUF again = {0};

    if (len % 4 != 0 || len > BYTES_MAX) {
        return false;
    }
    strbuf_reserve(out, len / 4 * 3);
    char *bytes = out->text + out->len;
    size_t n = crypto_unbase64(text, len, bytes) ? len / 4 * 3 - padding_of(text, len) : 0;

    /* Of all texts that OpenSSL takes for these bytes one is theirs. */
    base64_encode(bytes, n, &again);
    bool right = again.len == len && memcmp(again.text, text, len) == 0;

    out->len += right ? n : 0;
    out->text[out->len] = '\0';
    return right;
}
