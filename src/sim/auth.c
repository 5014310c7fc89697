/* Verifies AWS Signature Version 4, and says what AWS says when it does not hold.
 * Source: IAM User Guide, "Signature Version 4"; the texts are those ECS answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "aws/sigv4.h"
#include "sim/parts.h"
#include "util/clock.h"
#include "util/crypto.h"
#include "util/mem.h"

#define SKEW_MAX_MS        (5 * 60 * 1000)
#define SIGNED_HEADERS_MAX 32
#define ALGORITHM          "AWS4-HMAC-SHA256"

/* The Authorization header, taken apart; points into one copy of it. */
struct authorization {
    char *copy;
    char *key_id;
    char *date; /* 20150830 */
    char *region;
    char *service;
    char *signed_headers;
    char *signature;
};

static int refuse_auth(struct refusal *refusal, const char *code, const char *text)
{
    refusal->status = 403;
    refusal->code = code;
    snprintf(refusal->text, sizeof(refusal->text), "%s", text);
    return -1;
}

static int refuse_incomplete(struct refusal *refusal, const char *text)
{
    return refuse_auth(refusal, "IncompleteSignatureException", text);
}

/* "Name=" in the comma-separated parameters; the value is cut out of the copy later. */
static char *parameter(char *text, const char *name)
{
    for (char *at = text; at && *at; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        if (strncmp(at, name, strlen(name)) == 0) {
            return at + strlen(name);
        }
    }
    return NULL;
}

static void cut(char *value)
{
    value[strcspn(value, ", ")] = '\0';
}

/* key/date/region/service/aws4_request */
static bool split_credential(struct authorization *auth, char *credential)
{
    char *end = strrchr(credential, '/');
    char **out[] = {&auth->service, &auth->region, &auth->date};

    if (!end || !streq(end, "/aws4_request")) {
        return false;
    }
    *end = '\0';
    for (size_t i = 0; i < ARRAY_LEN(out); i++) {
        end = strrchr(credential, '/');
        if (!end) {
            return false;
        }
        *end = '\0';
        *out[i] = end + 1;
    }
    auth->key_id = credential;
    return strlen(auth->date) == 8;
}

static int parse_authorization(struct authorization *auth, const char *header,
                               struct refusal *refusal)
{
    size_t prefix = strlen(ALGORITHM);

    auth->copy = xstrdup(header);
    if (strncmp(header, ALGORITHM " ", prefix + 1) != 0) {
        return refuse_incomplete(refusal, "Unsupported AWS 'algorithm' in Authorization header.");
    }
    char *credential = parameter(auth->copy + prefix, "Credential=");

    auth->signed_headers = parameter(auth->copy + prefix, "SignedHeaders=");
    auth->signature = parameter(auth->copy + prefix, "Signature=");
    if (!credential || !auth->signed_headers || !auth->signature) {
        return refuse_incomplete(refusal,
                                 "Authorization header requires 'Credential', 'SignedHeaders' and "
                                 "'Signature' parameters.");
    }
    cut(credential);
    cut(auth->signed_headers);
    cut(auth->signature);
    if (!split_credential(auth, credential)) {
        return refuse_incomplete(refusal,
                                 "Credential must have exactly 5 slash-delimited elements, e.g. "
                                 "keyid/date/region/service/term.");
    }
    return 0;
}

static bool parse_date(const char *text, int64_t *at_ms)
{
    char iso[CLOCK_ISO_LEN];

    if (!text || strlen(text) != 16) {
        return false;
    }
    snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", text, text + 4, text + 6, text + 9,
             text + 11, text + 13);
    return clock_parse_iso(iso, at_ms);
}

static int check_date(const char *date, const struct authorization *auth, struct refusal *refusal)
{
    int64_t now_ms = clock_wall_ms();
    int64_t at_ms = 0;
    char now[17];
    char limit[17];
    char text[256];

    if (!parse_date(date, &at_ms) || strncmp(date, auth->date, 8) != 0) {
        return refuse_incomplete(refusal,
                                 "Date must be in ISO-8601 'basic format' and match the scope.");
    }
    if (at_ms >= now_ms - SKEW_MAX_MS && at_ms <= now_ms + SKEW_MAX_MS) {
        return 0;
    }
    bool early = at_ms < now_ms;

    sigv4_date(now_ms, now);
    sigv4_date(now_ms + (early ? -SKEW_MAX_MS : SKEW_MAX_MS), limit);
    snprintf(text, sizeof(text), "Signature %s: %s is now %s than %s (%s %s 5 min.)",
             early ? "expired" : "not yet current", date, early ? "earlier" : "later", limit, now,
             early ? "-" : "+");
    return refuse_auth(refusal, "InvalidSignatureException", text);
}

static bool same_text(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && crypto_equal(a, b, strlen(a));
}

static int check_identity(struct sim *sim, const struct authorization *auth, const char *token,
                          const char *service, struct user *user, struct refusal *refusal)
{
    char text[128];

    if (!users_find(&sim->users, auth->key_id, user) || !token != !user->session_token ||
        (token && !same_text(token, user->session_token))) {
        return refuse_auth(refusal, "UnrecognizedClientException",
                           "The security token included in the request is invalid.");
    }
    if (!streq(auth->region, sim->options.region)) {
        return refuse_auth(refusal, "InvalidSignatureException",
                           "Credential should be scoped to a valid region.");
    }
    if (!streq(auth->service, service)) {
        snprintf(text, sizeof(text), "Credential should be scoped to correct service: '%s'.",
                 service);
        return refuse_auth(refusal, "InvalidSignatureException", text);
    }
    return 0;
}

/* The header lines of one name, while they are collected. */
struct collection {
    const char *name;
    struct sigv4_header *out;
    size_t n;
    bool found;
};

static void collect(void *ctx, const char *name, const char *value)
{
    struct collection *lines = ctx;

    if (strcasecmp(name, lines->name) == 0 && lines->n < SIGNED_HEADERS_MAX) {
        lines->out[lines->n++] = (struct sigv4_header){lines->name, value};
        lines->found = true;
    }
}

/* Collects the headers that were signed, all lines of each; host must be one. */
static int collect_headers(const struct server_request *request, char *names,
                           struct sigv4_header *out, size_t *n, struct refusal *refusal)
{
    struct collection lines = {.out = out};
    bool host = false;
    char *rest = NULL;

    for (char *name = strtok_r(names, ";", &rest); name; name = strtok_r(NULL, ";", &rest)) {
        lines.name = name;
        lines.found = false;
        server_each_header(request, collect, &lines);
        if (!lines.found) {
            return refuse_auth(refusal, "InvalidSignatureException",
                               "A signed header is not in the request.");
        }
        host |= strcasecmp(name, "host") == 0;
    }
    *n = lines.n;
    return host ? 0
                : refuse_auth(refusal, "InvalidSignatureException",
                              "'Host' or ':authority' must be a 'SignedHeader' in the AWS "
                              "Authorization.");
}

static int check_signature(const struct server_request *request, const struct authorization *auth,
                           const char *date, const struct user *user, struct strbuf *expected,
                           struct refusal *refusal)
{
    struct sigv4_header headers[SIGNED_HEADERS_MAX];
    AUTO_STRBUF canonical = {0};
    AUTO_STRBUF to_sign = {0};
    char signature[SIGV4_SIGNATURE_LEN];
    struct sigv4_scope scope = {.region = auth->region, .service = auth->service};
    struct sigv4_request signing = {
        .method = request->method,
        .path = request->path,
        .query = request->query,
        .headers = headers,
        .body = request->body,
        .body_len = request->body_len,
    };

    if (collect_headers(request, auth->signed_headers, headers, &signing.n_headers, refusal) < 0) {
        return -1;
    }
    snprintf(scope.date, sizeof(scope.date), "%.16s", date);
    sigv4_canonical_request(&signing, &canonical);
    sigv4_string_to_sign(&scope, canonical.text, &to_sign);
    sigv4_signature(&scope, user->secret_access_key, to_sign.text, signature);
    if (same_text(signature, auth->signature)) {
        return 0;
    }
    if (expected) {
        strbuf_addf(expected,
                    "The Canonical String for this request should have been\n'%s'\n\n"
                    "The String-to-Sign should have been\n'%s'\n",
                    canonical.text, to_sign.text);
    }
    return refuse_auth(refusal, "InvalidSignatureException",
                       "The request signature we calculated does not match the signature you "
                       "provided. Check your AWS Secret Access Key and signing method. Consult "
                       "the service documentation for details.");
}

int auth_check(struct sim *sim, const struct server_request *request, const char *service,
               struct user *user, struct strbuf *expected, struct refusal *refusal)
{
    const char *header = server_header(request, "Authorization");
    const char *date = server_header(request, "X-Amz-Date");
    const char *token = server_header(request, "X-Amz-Security-Token");
    struct authorization auth = {0};
    int result = -1;

    if (!header) {
        return refuse_auth(refusal, "MissingAuthenticationTokenException",
                           "Request is missing Authentication Token");
    }
    if (parse_authorization(&auth, header, refusal) == 0 && check_date(date, &auth, refusal) == 0 &&
        check_identity(sim, &auth, token, service, user, refusal) == 0) {
        result = check_signature(request, &auth, date, user, expected, refusal);
    }
    free(auth.copy);
    return result;
}
