/* Cheap questions first, and none about a sender whose signature is not right. */
#include "plan/admission.h"

#include <stdlib.h>

static const char *const names[N_REFUSALS] = {
    [REFUSED_NOT] = "not",
    [REFUSED_UNSIGNED] = "unsigned",
    [REFUSED_DOUBLED] = "doubled",
    [REFUSED_TIMESTAMP] = "timestamp",
    [REFUSED_KEY] = "key",
    [REFUSED_SIGNATURE] = "signature",
    [REFUSED_SPEAKS_FOR] = "speaks_for",
    [REFUSED_NO_CALLER] = "no_caller",
    [REFUSED_CALLER] = "caller",
    [REFUSED_ROLE] = "role",
    [REFUSED_REQUEST_ID] = "request_id",
    [REFUSED_REPLAYED] = "replayed",
};

const char *refusal_name(enum refusal refusal)
{
    return names[refusal];
}

static bool is_there(const char *text)
{
    return text && *text;
}

/* The secret which signed the request, or NULL. */
static const char *find_secret(const struct admission_request *request,
                               const char *const secrets[2])
{
    for (int s = 0; s < 2 && secrets[s]; s++) {
        if (signature_is_right(&request->sent, secrets[s], request->signature)) {
            return secrets[s];
        }
    }
    return NULL;
}

/* The key which signed the request, and the mark of it and its secret. */
static enum refusal find_signer(const struct keys *keys, const struct admission_request *request,
                                int64_t now_s, const struct key **signer, const uint8_t **mark)
{
    const struct signature_request *sent = &request->sent;
    const char *secrets[2];

    if (request->doubled) {
        return REFUSED_DOUBLED;
    }
    if (!is_there(request->signature) || !is_there(sent->timestamp) ||
        !is_there(sent->identity.key_id)) {
        return REFUSED_UNSIGNED;
    }
    if (!signature_is_timely(sent->timestamp, now_s)) {
        return REFUSED_TIMESTAMP;
    }
    *signer = keys_find(keys, sent->identity.key_id, secrets);
    if (!*signer) {
        return REFUSED_KEY;
    }
    const char *secret = find_secret(request, secrets);

    *mark = secret == (*signer)->secret ? (*signer)->mark : (*signer)->previous_mark;
    return secret ? REFUSED_NOT : REFUSED_SIGNATURE;
}

static bool names_caller(const struct signature_identity *who)
{
    return is_there(who->caller_arn) || is_there(who->caller_account) || is_there(who->caller_id) ||
           is_there(who->source_ip);
}

/* What a caller may do for whom a proxy speaks. */
static enum refusal find_role(const struct admission_rules *rules, const char *arn,
                              enum key_role *role)
{
    bool open = !rules->operators && !rules->viewers;

    if (open || (rules->operators && callers_have(rules->operators, arn))) {
        *role = KEY_OPERATOR;
        return REFUSED_NOT;
    }
    *role = KEY_VIEWER;
    return rules->viewers && callers_have(rules->viewers, arn) ? REFUSED_NOT : REFUSED_CALLER;
}

/* Who acts, and what as. */
static enum refusal find_actor(const struct admission_rules *rules, const struct key *signer,
                               const struct signature_identity *who, const char **actor,
                               enum key_role *role)
{
    if (signer->role == KEY_PROXY) {
        *actor = who->caller_arn;
        return is_there(*actor) ? find_role(rules, *actor, role) : REFUSED_NO_CALLER;
    }
    *actor = signer->principal;
    *role = signer->role;
    return names_caller(who) ? REFUSED_SPEAKS_FOR : REFUSED_NOT;
}

/* It becomes a part of a key in Redis. */
static bool is_request_id(const char *id)
{
    size_t len = 0;

    for (; id && id[len]; len++) {
        if (id[len] <= ' ' || id[len] > '~') {
            return false;
        }
    }
    return len > 0 && len <= REQUEST_ID_MAX;
}

struct admission admission_decide(const struct admission_rules *rules,
                                  const struct admission_request *request, int64_t now_s)
{
    const struct signature_identity *who = &request->sent.identity;
    const struct key *signer = NULL;
    const uint8_t *mark = NULL;
    const char *actor = NULL;
    enum key_role role = KEY_VIEWER;
    enum refusal refusal = find_signer(rules->keys, request, now_s, &signer, &mark);

    if (!refusal) {
        refusal = find_actor(rules, signer, who, &actor, &role);
    }
    if (!refusal && !request->reads && role == KEY_VIEWER) {
        refusal = REFUSED_ROLE;
    }
    if (!refusal && !request->reads && !is_request_id(who->api_request_id)) {
        refusal = REFUSED_REQUEST_ID;
    }
    return (struct admission){
        .refusal = refusal,
        .actor = refusal ? NULL : actor,
        .mark = refusal ? NULL : mark,
    };
}

int64_t admission_remember_s(const char *timestamp, int64_t now_s)
{
    return strtoll(timestamp, NULL, 10) - now_s + (int64_t)2 * SIGNATURE_WINDOW_S;
}
