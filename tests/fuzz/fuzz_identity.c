/*
 * Any bytes as keys, and after a NUL each as the headers, method, target and body of a request.
 * Whatever the keys are: what they accept has the form they promise, their errors are a line, and a
 * request is let in only with a right signature, which then is right for no other request.
 */
#include "fuzz.h"

#include "plan/admission.h"
#include "util/mem.h"

#define NOW      1751441862
#define N_FIELDS 9

static const char known[] =
    "[{\"id\":\"p\",\"secret\":\"0123456789abcdef0123456789abcdef\",\"principal\":\"P\",\"role\":"
    "\"proxy\"},{\"id\":\"o\",\"secret\":\"fedcba9876543210fedcba9876543210\",\"principal\":\"O\","
    "\"role\":\"operator\"},{\"id\":\"v\",\"secret\":\"ffffffffffffffffffffffffffffffff\","
    "\"principal\":\"V\",\"role\":\"viewer\"}]";

static void check_credentials(const struct keys *keys, const struct key *key, const char *id,
                              const char *secret)
{
    const char *found[2];

    REQUIRE(*id && strlen(id) <= KEY_ID_MAX);
    REQUIRE(strlen(secret) >= KEY_SECRET_MIN && strlen(secret) <= KEY_SECRET_MAX);
    REQUIRE(keys_find(keys, id, found) == key);
    REQUIRE(streq(found[0], secret) || (found[1] && streq(found[1], secret)));
}

static struct keys *check_keys(const char *text, size_t len)
{
    struct error err = {0};
    struct keys *keys = keys_parse(text, len, &err);

    if (!keys) {
        REQUIRE(err.code == ERR_INVALID && err.text[0]);
        for (const char *c = err.text; *c; c++) {
            REQUIRE(*c >= ' ' && *c <= '~');
        }
        return NULL;
    }
    REQUIRE(keys->n >= 1 && keys->n <= KEYS_MAX);
    for (size_t k = 0; k < keys->n; k++) {
        const struct key *key = &keys->items[k];

        REQUIRE(*key->principal && strlen(key->principal) <= KEY_PRINCIPAL_MAX);
        check_credentials(keys, key, key->id, key->secret);
        REQUIRE(keys_have(keys, key->mark));
        if (key->previous_id) {
            check_credentials(keys, key, key->previous_id, key->previous_secret);
        }
    }
    return keys;
}

/* The same bytes with the border between two neighbours elsewhere are another request. */
static void check_borders(const struct signature_request *sent, const char *secret,
                          const char *signature)
{
    struct signature_request other = *sent;
    const char **fields[] = {&other.identity.key_id,         &other.identity.caller_arn,
                             &other.identity.caller_account, &other.identity.caller_id,
                             &other.identity.source_ip,      &other.identity.api_request_id};

    for (size_t f = 0; f + 1 < ARRAY_LEN(fields); f++) {
        const char *left = *fields[f], *right = *fields[f + 1];

        if (*right) {
            AUTO_CHAR *more = xasprintf("%s%c", left, *right);

            *fields[f] = more;
            *fields[f + 1] = right + 1;
            REQUIRE(!signature_is_right(&other, secret, signature));
        }
        *fields[f] = left;
        *fields[f + 1] = right;
    }
    REQUIRE(signature_is_right(&other, secret, signature));
}

static void check_decision(const struct keys *keys, const struct admission_request *request)
{
    const struct admission_rules rules = {.keys = keys};
    struct admission admission = admission_decide(&rules, request, NOW);
    const char *secrets[2];

    REQUIRE(refusal_name(admission.refusal));
    REQUIRE((admission.refusal == REFUSED_NOT) == (admission.actor != NULL));
    REQUIRE((admission.refusal == REFUSED_NOT) ==
            (admission.mark && keys_have(keys, admission.mark)));
    if (admission.refusal) {
        return;
    }
    const struct key *key = keys_find(keys, request->sent.identity.key_id, secrets);

    REQUIRE(key && *admission.actor);
    REQUIRE(request->reads || key->role != KEY_VIEWER);
    REQUIRE(signature_is_right(&request->sent, secrets[0], request->signature) ||
            (secrets[1] && signature_is_right(&request->sent, secrets[1], request->signature)));
}

/* As it is, and signed with each of the keys. */
static void check_request(const struct keys *keys, const struct admission_request *request)
{
    char signature[SIGNATURE_LEN];
    struct admission_request signed_anew = *request;

    check_decision(keys, request);
    signed_anew.signature = signature;
    for (size_t k = 0; k < keys->n; k++) {
        signed_anew.sent.identity.key_id = keys->items[k].id;
        if (signature_make(&signed_anew.sent, keys->items[k].secret, signature)) {
            check_decision(keys, &signed_anew);
            check_borders(&signed_anew.sent, keys->items[k].secret, signature);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    AUTO_CHAR *text = xmemdup0((const char *)data, len);
    const char *fields[N_FIELDS];
    const char *end = text + len;
    const char *at = text + strlen(text);
    AUTO(keys) *own = check_keys(text, strlen(text));
    AUTO(keys) *usual = keys_parse(known, strlen(known), NULL);

    for (size_t f = 0; f < N_FIELDS; f++) {
        fields[f] = at < end ? ++at : "";
        at += at < end ? strlen(at) : 0;
    }
    const struct admission_request request = {
        .sent = {.timestamp = fields[0],
                 .method = fields[1],
                 .target = fields[2],
                 .body = at,
                 .body_len = (size_t)(end - at),
                 .identity = {"", fields[3], fields[4], fields[5], fields[6], fields[7]}},
        .signature = fields[8],
        .reads = len % 2,
    };

    check_request(own ? own : usual, &request);
    return 0;
}
