/* The stages of AWS Signature Version 4: canonical request, string to sign, signature, header. */
#include "aws/sigv4.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/crypto.h"
#include "util/mem.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

/* One item to be put in order; `at` keeps equal names in the order they came. */
struct item {
    char *name;
    char *value;
    size_t at;
};

void sigv4_date(int64_t at_ms, char out[17])
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(out, 17, "%Y%m%dT%H%M%SZ", &tm);
}

/* ---- percent-encoding ------------------------------------------------------------------------ */

static void add_encoded(struct strbuf *out, const char *bytes, size_t len, const char *also_plain)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c != '\0' && (isalnum(c) || strchr("-_.~", c) || strchr(also_plain, c))) {
            strbuf_add_char(out, (char)c);
        } else {
            strbuf_addf(out, "%%%02X", c);
        }
    }
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return found ? (int)(found - digits) : -1;
}

/* Whatever of a query was encoded, and however, becomes encoded in the one canonical way. */
static char *reencode(const char *text, size_t len)
{
    AUTO_STRBUF plain = {0};
    struct strbuf out = {0};

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%' && i + 2 < len && hex_value(text[i + 1]) >= 0 &&
            hex_value(text[i + 2]) >= 0) {
            strbuf_add_char(&plain, (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])));
            i += 2;
        } else {
            strbuf_add_char(&plain, text[i]);
        }
    }
    add_encoded(&out, plain.text ? plain.text : "", plain.len, "");
    return strbuf_take(&out);
}

/* ---- ordering -------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static int compare_names_and_values(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : strcmp(x->value, y->value);
}

static void free_items(struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(items[i].name);
        free(items[i].value);
    }
    free(items);
}

/* ---- the parts of a canonical request -------------------------------------------------------- */

/* Removes "." and "..", doubled slashes, and encodes what is on the wire once more (only S3 does
 * neither). */
static void add_path(struct strbuf *out, const char *path)
{
    AUTO_STRBUF clean = {0};
    size_t len = 0;

    for (const char *segment = path; *segment; segment += len) {
        segment += strspn(segment, "/");
        len = strcspn(segment, "/");
        if (len == 2 && strncmp(segment, "..", 2) == 0) {
            const char *parent = clean.text ? strrchr(clean.text, '/') : NULL;

            clean.len = parent ? (size_t)(parent - clean.text) : 0;
            if (parent) {
                clean.text[clean.len] = '\0';
            }
        } else if (len > 0 && !(len == 1 && *segment == '.')) {
            strbuf_add_char(&clean, '/');
            strbuf_add(&clean, segment, len);
        }
    }
    size_t path_len = strlen(path);

    if (clean.len == 0 || path[path_len - 1] == '/') {
        strbuf_add_char(&clean, '/');
    }
    add_encoded(out, clean.text, clean.len, "/");
}

static void add_query(struct strbuf *out, const char *query)
{
    struct item *items = NULL;
    size_t n = 0;
    size_t len = 0;

    for (const char *pair = query ? query : ""; *pair; pair += len, pair += *pair == '&') {
        len = strcspn(pair, "&");
        if (len == 0) {
            continue;
        }
        size_t name_len = strcspn(pair, "=&");
        const char *value = pair[name_len] == '=' ? pair + name_len + 1 : pair + name_len;

        items = xreallocarray(items, n + 1, sizeof(*items));
        items[n++] = (struct item){.name = reencode(pair, name_len),
                                   .value = reencode(value, len - (size_t)(value - pair))};
    }
    if (n > 0) {
        qsort(items, n, sizeof(*items), compare_names_and_values);
    }
    for (size_t i = 0; i < n; i++) {
        strbuf_addf(out, "%s%s=%s", i > 0 ? "&" : "", items[i].name, items[i].value);
    }
    free_items(items, n);
}

static char *lower_case(const char *name)
{
    char *copy = xstrdup(name);

    for (char *c = copy; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    return copy;
}

/* Without white space at both ends, and one space for several in between. */
static char *squeeze(const char *value)
{
    struct strbuf out = {0};

    for (const char *c = value + strspn(value, " \t\r\n"); *c;) {
        size_t word = strcspn(c, " \t\r\n");
        size_t space = strspn(c + word, " \t\r\n");

        strbuf_add(&out, c, word);
        c += word + space;
        if (*c) {
            strbuf_add_char(&out, ' ');
        }
    }
    return strbuf_take(&out);
}

static struct item *sorted_headers(const struct sigv4_request *request)
{
    struct item *items = xcalloc(request->n_headers, sizeof(*items));

    for (size_t i = 0; i < request->n_headers; i++) {
        items[i] = (struct item){.name = lower_case(request->headers[i].name),
                                 .value = squeeze(request->headers[i].value),
                                 .at = i};
    }
    qsort(items, request->n_headers, sizeof(*items), compare_names);
    return items;
}

static bool same_name_as_before(const struct item *items, size_t i)
{
    return i > 0 && streq(items[i].name, items[i - 1].name);
}

/* Values of one name stand in one line, separated by commas, in the order they came. */
static void add_headers(struct strbuf *out, const struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (same_name_as_before(items, i)) {
            strbuf_addf(out, ",%s", items[i].value);
        } else {
            strbuf_addf(out, "%s%s:%s", i > 0 ? "\n" : "", items[i].name, items[i].value);
        }
    }
    strbuf_add_char(out, '\n');
}

static void add_names(struct strbuf *out, const struct item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!same_name_as_before(items, i)) {
            strbuf_addf(out, "%s%s", i > 0 ? ";" : "", items[i].name);
        }
    }
}

/* ---- the stages ------------------------------------------------------------------------------ */

static void hash_hex(const void *bytes, size_t len, char out[SHA256_HEX_LEN])
{
    uint8_t digest[SHA256_LEN];

    crypto_sha256(bytes ? bytes : "", len, digest);
    crypto_hex(digest, sizeof(digest), out);
}

static void add_scope(struct strbuf *out, const struct sigv4_scope *scope)
{
    strbuf_addf(out, "%.8s/%s/%s/aws4_request", scope->date, scope->region, scope->service);
}

/* Lower-case names in order, separated by semicolons. */
static void add_signed_headers(const struct sigv4_request *request, struct strbuf *out)
{
    struct item *items = sorted_headers(request);

    add_names(out, items, request->n_headers);
    free_items(items, request->n_headers);
}

void sigv4_canonical_request(const struct sigv4_request *request, struct strbuf *out)
{
    struct item *items = sorted_headers(request);
    char body_hash[SHA256_HEX_LEN];

    hash_hex(request->body, request->body_len, body_hash);
    strbuf_addf(out, "%s\n", request->method);
    add_path(out, request->path);
    strbuf_add_char(out, '\n');
    add_query(out, request->query);
    strbuf_add_char(out, '\n');
    add_headers(out, items, request->n_headers);
    strbuf_add_char(out, '\n');
    add_names(out, items, request->n_headers);
    strbuf_addf(out, "\n%s", body_hash);
    free_items(items, request->n_headers);
}

void sigv4_string_to_sign(const struct sigv4_scope *scope, const char *canonical_request,
                          struct strbuf *out)
{
    char hash[SHA256_HEX_LEN];

    hash_hex(canonical_request, strlen(canonical_request), hash);
    strbuf_addf(out, ALGORITHM "\n%s\n", scope->date);
    add_scope(out, scope);
    strbuf_addf(out, "\n%s", hash);
}

static void hmac_text(uint8_t key[SHA256_LEN], const char *text)
{
    uint8_t next[SHA256_LEN];

    crypto_hmac_sha256(key, SHA256_LEN, text, strlen(text), next);
    memcpy(key, next, sizeof(next));
}

void sigv4_signature(const struct sigv4_scope *scope, const char *secret,
                     const char *string_to_sign, char out[SIGV4_SIGNATURE_LEN])
{
    AUTO_CHAR *first_key = xasprintf("AWS4%s", secret);
    uint8_t key[SHA256_LEN];

    crypto_hmac_sha256(first_key, strlen(first_key), scope->date, 8, key);
    hmac_text(key, scope->region);
    hmac_text(key, scope->service);
    hmac_text(key, "aws4_request");
    hmac_text(key, string_to_sign);
    crypto_hex(key, sizeof(key), out);
}

void sigv4_authorization(const struct sigv4_request *request, const struct sigv4_scope *scope,
                         const char *access_key_id, const char *secret, struct strbuf *out)
{
    AUTO_STRBUF canonical = {0};
    AUTO_STRBUF to_sign = {0};
    char signature[SIGV4_SIGNATURE_LEN];

    sigv4_canonical_request(request, &canonical);
    sigv4_string_to_sign(scope, canonical.text, &to_sign);
    sigv4_signature(scope, secret, to_sign.text, signature);
    strbuf_addf(out, ALGORITHM " Credential=%s/", access_key_id);
    add_scope(out, scope);
    strbuf_add_text(out, ", SignedHeaders=");
    add_signed_headers(request, out);
    strbuf_addf(out, ", Signature=%s", signature);
}
