/* Keys are read strictly, and no error shows what they are made of. */
#include "http/keys.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"
#include "util/strbuf.h"

#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define WHERE_LEN     32 /* "key 64, previous" */

static const char *const role_names[] = {
    [KEY_VIEWER] = "viewer", [KEY_OPERATOR] = "operator", [KEY_PROXY] = "proxy"};

const char *key_role_name(enum key_role role)
{
    return role_names[role];
}

bool key_id_is_valid(const char *id)
{
    size_t len = strspn(id, ID_CHARACTERS);

    return len > 0 && len <= KEY_ID_MAX && id[len] == '\0';
}

/* ---- members --------------------------------------------------------------------------------- */

static int check_members(const json_t *obj, const char *const names[], const char *where,
                         struct error *err)
{
    size_t known = 0;

    if (!json_is_object(obj)) {
        return error_set(err, ERR_INVALID, "%s: want an object", where);
    }
    for (const char *const *name = names; *name; name++) {
        known += json_object_get(obj, *name) != NULL;
    }
    if (json_object_size(obj) > known) { /* its name is not told: it may be a misplaced secret */
        return error_set(err, ERR_INVALID, "%s: a member other than %s, %s%s", where, names[0],
                         names[1], names[2] ? ", principal, role and previous" : "");
    }
    return 0;
}

/* A text of min to max bytes without control characters, the caller's. */
static char *take_text(const json_t *obj, const char *name, size_t min, size_t max,
                       const char *where, struct error *err)
{
    const char *text = json_string_value(json_object_get(obj, name));
    size_t len = text ? strlen(text) : 0;

    if (!text) {
        error_set(err, ERR_INVALID, "%s: want a text as \"%s\"", where, name);
        return NULL;
    }
    if (len < min || len > max) {
        error_set(err, ERR_INVALID, "%s: \"%s\" must have %zu to %zu bytes, not %zu", where, name,
                  min, max, len);
        return NULL;
    }
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            error_set(err, ERR_INVALID, "%s: a control character in \"%s\"", where, name);
            return NULL;
        }
    }
    return xstrdup(text);
}

static int take_credentials(const json_t *obj, const char *where, char **id, char **secret,
                            struct error *err)
{
    *id = take_text(obj, "id", 1, KEY_ID_MAX, where, err);
    *secret = *id ? take_text(obj, "secret", KEY_SECRET_MIN, KEY_SECRET_MAX, where, err) : NULL;
    if (*id && !key_id_is_valid(*id)) {
        return error_set(err, ERR_INVALID, "%s: \"id\" may have A-Z a-z 0-9 . _ - only", where);
    }
    return *secret ? 0 : -1;
}

static int take_role(const json_t *obj, const char *where, enum key_role *out, struct error *err)
{
    const char *name = json_string_value(json_object_get(obj, "role"));

    for (size_t r = 0; name && r < ARRAY_LEN(role_names); r++) {
        if (streq(name, role_names[r])) {
            *out = (enum key_role)r;
            return 0;
        }
    }
    return error_set(err, ERR_INVALID, "%s: want proxy, operator or viewer as \"role\"", where);
}

/* Neither an id nor a secret holds a line feed. */
static void make_mark(enum key_role role, const char *id, const char *secret,
                      uint8_t out[SHA256_LEN])
{
    AUTO_STRBUF text = {0};

    strbuf_reserve(&text, KEY_ID_MAX + KEY_SECRET_MAX + WHERE_LEN); /* growing leaves copies */
    strbuf_addf(&text, "%s\n%s\n%s", role == KEY_PROXY ? "proxy" : "own", id, secret);
    crypto_sha256(text.text, text.len, out);
    explicit_bzero(text.text, text.len);
}

/* ---- one key --------------------------------------------------------------------------------- */

static int take_previous(const json_t *obj, size_t number, struct key *key, struct error *err)
{
    static const char *const names[] = {"id", "secret", NULL};
    char where[WHERE_LEN];

    snprintf(where, sizeof(where), "key %zu, previous", number);
    if (check_members(obj, names, where, err) < 0 ||
        take_credentials(obj, where, &key->previous_id, &key->previous_secret, err) < 0) {
        return -1;
    }
    make_mark(key->role, key->previous_id, key->previous_secret, key->previous_mark);
    return 0;
}

static int take_key(const json_t *obj, size_t number, struct key *key, struct error *err)
{
    static const char *const names[] = {"id", "secret", "principal", "role", "previous", NULL};
    const json_t *previous = json_object_get(obj, "previous");
    char where[WHERE_LEN];

    snprintf(where, sizeof(where), "key %zu", number);
    if (check_members(obj, names, where, err) < 0 ||
        take_credentials(obj, where, &key->id, &key->secret, err) < 0 ||
        take_role(obj, where, &key->role, err) < 0) {
        return -1;
    }
    key->principal = take_text(obj, "principal", 1, KEY_PRINCIPAL_MAX, where, err);
    if (!key->principal) {
        return -1;
    }
    make_mark(key->role, key->id, key->secret, key->mark);
    return previous ? take_previous(previous, number, key, err) : 0;
}

static bool same(const char *a, const char *b)
{
    return a && b && streq(a, b);
}

/* Of two keys, whatever is current or previous in either. */
static bool overlap(const char *a, const char *previous_a, const char *b, const char *previous_b)
{
    return same(a, b) || same(a, previous_b) || same(previous_a, b) || same(previous_a, previous_b);
}

static int check_alone(const struct keys *keys, const struct key *key, struct error *err)
{
    for (size_t k = 0; k < keys->n; k++) {
        const struct key *other = &keys->items[k];

        if (overlap(key->id, key->previous_id, other->id, other->previous_id)) {
            return error_set(err, ERR_INVALID, "key %zu: an id which key %zu has", keys->n + 1,
                             k + 1);
        }
        if (overlap(key->secret, key->previous_secret, other->secret, other->previous_secret)) {
            return error_set(err, ERR_INVALID, "key %zu: a secret which key %zu has", keys->n + 1,
                             k + 1);
        }
    }
    return 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void wipe(char *secret)
{
    if (secret) {
        explicit_bzero(secret, strlen(secret));
    }
    free(secret);
}

static void key_clear(struct key *key)
{
    free(key->id);
    wipe(key->secret);
    free(key->principal);
    free(key->previous_id);
    wipe(key->previous_secret);
}

void keys_free(struct keys *keys)
{
    if (!keys) {
        return;
    }
    for (size_t k = 0; k < keys->n; k++) {
        key_clear(&keys->items[k]);
    }
    free(keys->items);
    free(keys);
}

static int add_key(struct keys *keys, const json_t *obj, struct error *err)
{
    struct key key = {0};

    if (take_key(obj, keys->n + 1, &key, err) < 0 || check_alone(keys, &key, err) < 0) {
        key_clear(&key);
        return -1;
    }
    keys->items[keys->n++] = key;
    return 0;
}

/* jansson's own text shows what stands at the place of the error. */
static json_t *parse(const char *text, size_t len, struct error *err)
{
    json_error_t why;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);

    if (!json) {
        error_set(err, ERR_INVALID, "line %d, column %d: %s", why.line, why.column,
                  json_error_code(&why) == json_error_duplicate_key ? "a member given twice"
                                                                    : "this is not JSON");
    }
    return json;
}

struct keys *keys_parse(const char *text, size_t len, struct error *err)
{
    AUTO(keys) *keys = xcalloc(1, sizeof(*keys));
    json_auto_t *json = len <= KEYS_LEN_MAX ? parse(text, len, err) : NULL;
    size_t n = json_is_array(json) ? json_array_size(json) : 1;

    if (!json) {
        error_set(err, ERR_INVALID, "more than %d bytes", KEYS_LEN_MAX);
        return NULL;
    }
    if (n == 0 || n > KEYS_MAX) {
        error_set(err, ERR_INVALID, "want 1 to %d keys, not %zu", KEYS_MAX, n);
        return NULL;
    }
    keys->items = xcalloc(n, sizeof(*keys->items));
    for (size_t k = 0; k < n; k++) {
        if (add_key(keys, json_is_array(json) ? json_array_get(json, k) : json, err) < 0) {
            return NULL;
        }
    }
    return TAKE(keys);
}

const struct key *keys_find(const struct keys *keys, const char *id, const char *secrets[2])
{
    for (size_t k = 0; k < keys->n; k++) {
        const struct key *key = &keys->items[k];
        size_t n = 0;

        secrets[0] = secrets[1] = NULL;
        if (streq(id, key->id)) {
            secrets[n++] = key->secret;
        }
        if (same(id, key->previous_id)) {
            secrets[n++] = key->previous_secret;
        }
        if (n > 0) {
            return key;
        }
    }
    return NULL;
}

bool keys_have(const struct keys *keys, const uint8_t mark[SHA256_LEN])
{
    for (size_t k = 0; k < keys->n; k++) {
        const struct key *key = &keys->items[k];

        if (memcmp(key->mark, mark, SHA256_LEN) == 0 ||
            (key->previous_id && memcmp(key->previous_mark, mark, SHA256_LEN) == 0)) {
            return true;
        }
    }
    return false;
}
