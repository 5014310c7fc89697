/* Hexadecimal digits of: version, scope, epoch, revision, place, and an HMAC of all of it. */
#include "api/page_token.h"

#include <assert.h>
#include <string.h>

#include "util/crypto.h"

#define TOKEN_VERSION 1
#define MAC_LEN       16 /* of HMAC-SHA256's 32 bytes */
#define NUMBER_LEN    8
#define SCOPE_AT      1
#define EPOCH_AT      (SCOPE_AT + PAGE_SCOPE_LEN)
#define REVISION_AT   (EPOCH_AT + NUMBER_LEN)
#define PLACE_AT      (REVISION_AT + NUMBER_LEN)
#define LEN_MIN       (PLACE_AT + 2 + MAC_LEN) /* two empty texts, each with its NUL */
#define LEN_MAX       (PAGE_TOKEN_MAX / 2)

static void sign(const uint8_t *bytes, size_t len, const char *key, uint8_t mac[MAC_LEN])
{
    uint8_t whole[SHA256_LEN];

    crypto_hmac_sha256(key, strlen(key), bytes, len, whole);
    memcpy(mac, whole, MAC_LEN);
}

static void put_number(uint8_t *at, int64_t number)
{
    for (int i = NUMBER_LEN - 1; i >= 0; i--, number >>= 8) {
        at[i] = (uint8_t)number;
    }
}

static int64_t get_number(const uint8_t *at)
{
    uint64_t number = 0;

    for (int i = 0; i < NUMBER_LEN; i++) {
        number = number << 8 | at[i];
    }
    return (int64_t)number;
}

void page_token_make(const struct page_token *token, const char *key, struct strbuf *out)
{
    uint8_t bytes[LEN_MAX];
    char hex[2 * LEN_MAX + 1];
    size_t major_len = strlen(token->major) + 1;
    size_t minor_len = strlen(token->minor) + 1;
    size_t len = PLACE_AT + major_len + minor_len;

    assert(len + MAC_LEN <= LEN_MAX);
    bytes[0] = TOKEN_VERSION;
    memcpy(bytes + SCOPE_AT, token->scope, PAGE_SCOPE_LEN);
    put_number(bytes + EPOCH_AT, token->epoch);
    put_number(bytes + REVISION_AT, token->revision);
    memcpy(bytes + PLACE_AT, token->major, major_len);
    memcpy(bytes + PLACE_AT + major_len, token->minor, minor_len);
    sign(bytes, len, key, bytes + len);
    crypto_hex(bytes, len + MAC_LEN, hex);
    strbuf_add_text(out, hex);
}

/* Lower case only: a token has one spelling. */
static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unhex(const char *text, size_t len, uint8_t *out)
{
    for (size_t i = 0; i < len; i++) {
        int high = digit(text[2 * i]);
        int low = digit(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool page_token_read(const char *text, const char *key, struct page_token *out)
{
    uint8_t bytes[LEN_MAX];
    uint8_t mac[MAC_LEN];
    size_t text_len = strnlen(text, PAGE_TOKEN_MAX + 1);
    size_t len = text_len / 2 - MAC_LEN;

    if (text_len > PAGE_TOKEN_MAX || text_len % 2 != 0 || text_len / 2 < LEN_MIN ||
        !unhex(text, text_len / 2, bytes)) {
        return false;
    }
    sign(bytes, len, key, mac);
    if (!crypto_equal(mac, bytes + len, MAC_LEN) || bytes[0] != TOKEN_VERSION) {
        return false;
    }
    memcpy(out->scope, bytes + SCOPE_AT, PAGE_SCOPE_LEN);
    out->epoch = get_number(bytes + EPOCH_AT);
    out->revision = get_number(bytes + REVISION_AT);
    /* From here on it is our own work: two texts which end within it. */
    const char *major = (const char *)bytes + PLACE_AT;
    const char *minor = major + strlen(major) + 1;

    memcpy(out->major, major, strlen(major) + 1);
    memcpy(out->minor, minor, strlen(minor) + 1);
    return true;
}
