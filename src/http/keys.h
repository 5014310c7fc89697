/*
 * Who may sign requests (http/signature.h): keys as JSON, one object or an array of them.
 *
 *     {"id": "proxy-1", "secret": "...", "principal": "api-gateway", "role": "proxy",
 *      "previous": {"id": "proxy-0", "secret": "..."}}
 *
 * `previous` is optional: what the same sender signed with until now, still accepted while keys are
 * exchanged. Its id may be the key's own. Members with other names, ids or secrets given twice, and
 * secrets which are short are refused: a mistake here must not pass unseen.
 */
#ifndef BLOX_HTTP_KEYS_H
#define BLOX_HTTP_KEYS_H

#include <stdbool.h>

#include "util/attr.h"
#include "util/crypto.h"
#include "util/error.h"

#define KEYS_MAX          64
#define KEYS_LEN_MAX      (64 * 1024) /* bytes of JSON */
#define KEY_ID_MAX        64          /* of A-Z a-z 0-9 . _ - */
#define KEY_SECRET_MIN    32          /* bytes */
#define KEY_SECRET_MAX    1024
#define KEY_PRINCIPAL_MAX 256 /* bytes of UTF-8 without control characters */

enum key_role {
    KEY_VIEWER,   /* reads */
    KEY_OPERATOR, /* does everything */
    KEY_PROXY,    /* speaks for others, and only for others */
};

struct key {
    char *id;
    char *secret;
    char *principal; /* who signs with it, for the log and the audit */
    enum key_role role;
    char *previous_id; /* or NULL */
    char *previous_secret;
    uint8_t mark[SHA256_LEN]; /* see keys_have; zero bytes where there is no secret */
    uint8_t previous_mark[SHA256_LEN];
};

struct keys {
    struct key *items;
    size_t n; /* 1 or more */
};

/* ERR_INVALID says which key and member is wrong, and never shows what stands there. */
struct keys *keys_parse(const char *text, size_t len, struct error *err) MUST_CHECK;
void keys_free(struct keys *keys); /* and wipes the secrets */
AUTO_DEFINE(keys);

/* The key which has this id, or had it until now; NULL: none. *secrets are those which may have
 * signed under it, one or two, the second NULL. */
const struct key *keys_find(const struct keys *keys, const char *id, const char *secrets[2]);
/* Whether one of the keys has this mark, current or previous: another key, another id or secret of
 * the same, and the role of a proxy where it was none or the other way round, have another. */
bool keys_have(const struct keys *keys, const uint8_t mark[SHA256_LEN]) MUST_CHECK;
/* Of 1 to KEY_ID_MAX characters, all of those an id may have. */
bool key_id_is_valid(const char *id) MUST_CHECK;
/* "viewer", "operator" or "proxy". */
const char *key_role_name(enum key_role role);

#endif
