/* Reads credentials and says where they may be asked for. */
#include "aws/credentials.h"

#include <jansson.h>
#include <stdlib.h>
#include <strings.h>

#include "util/clock.h"
#include "util/mem.h"

#define TEXT_MAX (16 * 1024) /* bytes of one credential; session tokens are about 1 KiB */

void credentials_clear(struct credentials *credentials)
{
    free(credentials->access_key_id);
    free(credentials->secret);
    free(credentials->token);
    *credentials = (struct credentials){0};
}

bool credentials_text_is_clean(const char *text)
{
    size_t len = 0;

    for (; text[len]; len++) {
        if (text[len] <= ' ' || text[len] > '~') {
            return false;
        }
    }
    return len > 0 && len <= TEXT_MAX;
}

int credentials_set(struct credentials *credentials, const char *from, const char *id,
                    const char *secret, const char *token, struct error *err)
{
    if (!id || !secret) {
        return error_set(err, ERR_DENIED, "AWS credentials: %s has no %s", from,
                         id ? "secret access key" : "access key id");
    }
    if (!credentials_text_is_clean(id) || !credentials_text_is_clean(secret) ||
        (token && !credentials_text_is_clean(token))) {
        return error_set(err, ERR_DENIED, "AWS credentials: %s has a text which cannot be a key",
                         from);
    }
    credentials_clear(credentials);
    *credentials = (struct credentials){
        .access_key_id = xstrdup(id), .secret = xstrdup(secret), .token = xstrdup_or_null(token)};
    return 0;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

int credentials_parse(const char *body, size_t len, struct credentials *out, struct error *err)
{
    json_auto_t *object = json_loadb(body, len, 0, NULL);
    const char *code = text_of(object, "Code");
    const char *id = text_of(object, "AccessKeyId");
    const char *secret = text_of(object, "SecretAccessKey");
    const char *token = text_of(object, "Token");
    const char *expiration = text_of(object, "Expiration");
    int64_t expires_at_ms = 0;

    if (code && !streq(code, "Success")) {
        return error_set(err, ERR_PROTOCOL, "answered %.40s", code);
    }
    if (expiration && !clock_parse_iso(expiration, &expires_at_ms)) {
        return error_set(err, ERR_PROTOCOL, "answered a bad Expiration");
    }
    if (credentials_set(out, "the answer", id, secret, token, err) < 0) {
        return -1;
    }
    out->expires_at_ms = expires_at_ms;
    return 0;
}

bool credentials_uri_is_safe(const char *uri)
{
    static const char *const hosts[] = {
        "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
    };

    if (strncasecmp(uri, "https://", 8) == 0) {
        return true;
    }
    if (strncasecmp(uri, "http://", 7) != 0) {
        return false;
    }
    const char *host = uri + 7;
    size_t len = *host == '[' ? strcspn(host, "]/") + 1 : strcspn(host, ":/?#@");

    if (strchr(host, '@')) { /* what stands before it is not the host */
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        if (len == strlen(hosts[i]) && strncasecmp(host, hosts[i], len) == 0) {
            return true;
        }
    }
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == len;
}
