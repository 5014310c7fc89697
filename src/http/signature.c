/* Signs requests with a shared secret, and tells whether one is signed. */
#include "http/signature.h"

#include <stdlib.h>

#include "util/attr.h"

#define FIELDS_MAX 11

/* No control character: neither the end of a line nor anything a header cannot carry. */
static bool is_one_line(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_there(const char *text)
{
    return text && *text;
}

bool signature_text(const struct signature_request *req, struct strbuf *out)
{
    const struct signature_identity *who = &req->identity;
    uint8_t digest[SHA256_LEN];
    char body_hash[SHA256_HEX_LEN];

    if (!is_there(req->timestamp) || !is_there(req->method) || !is_there(req->target)) {
        return false;
    }
    crypto_sha256(req->body ? req->body : "", req->body_len, digest);
    crypto_hex(digest, sizeof(digest), body_hash);

    const char *fields[FIELDS_MAX] = {
        "v1",           req->timestamp, req->method,         req->target,
        body_hash,      who->key_id,    who->caller_arn,     who->caller_account,
        who->caller_id, who->source_ip, who->api_request_id,
    };

    for (size_t f = 0; f < FIELDS_MAX; f++) {
        if (fields[f] && !is_one_line(fields[f])) {
            return false;
        }
    }
    for (size_t f = 0; f < FIELDS_MAX; f++) {
        strbuf_add_text(out, fields[f] ? fields[f] : "");
        strbuf_add_char(out, '\n');
    }
    return true;
}

bool signature_make(const struct signature_request *req, const char *secret,
                    char out[SIGNATURE_LEN])
{
    uint8_t mac[SHA256_LEN];
    AUTO_STRBUF text = {0};

    if (!signature_text(req, &text)) {
        return false;
    }
    crypto_hmac_sha256(secret, strlen(secret), text.text, text.len, mac);
    memcpy(out, SIGNATURE_PREFIX, sizeof(SIGNATURE_PREFIX) - 1);
    crypto_hex(mac, sizeof(mac), out + sizeof(SIGNATURE_PREFIX) - 1);
    return true;
}

bool signature_is_right(const struct signature_request *req, const char *secret,
                        const char *signature)
{
    char want[SIGNATURE_LEN];

    return signature_make(req, secret, want) && strlen(signature) == sizeof(want) - 1 &&
           crypto_equal(signature, want, sizeof(want) - 1);
}

bool signature_is_timely(const char *timestamp, int64_t now_s)
{
    size_t len = strspn(timestamp, "0123456789");

    if (len == 0 || len > TIMESTAMP_LEN_MAX || timestamp[len]) {
        return false;
    }
    int64_t off_s = now_s - strtoll(timestamp, NULL, 10);

    return off_s >= -SIGNATURE_WINDOW_S && off_s <= SIGNATURE_WINDOW_S;
}
