/* Access keys and who stands behind each. */
#include "sim/users.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "sim/texts.h"
#include "util/crypto.h"
#include "util/mem.h"

#define UNIQUE_LEN 17 /* of an id after its "AIDA" or "AROA" */

struct known_user {
    UT_hash_handle hh;
    struct user user;
};

void users_init(struct users *users)
{
    *users = (struct users){0};
    pthread_mutex_init(&users->lock, NULL);
}

static void forget(struct users *users, struct known_user *known)
{
    HASH_DEL(users->by_key, known);
    free(known);
}

void users_clear(struct users *users)
{
    struct known_user *each = NULL;
    struct known_user *next = NULL;

    HASH_ITER(hh, users->by_key, each, next)
    {
        forget(users, each);
    }
    pthread_mutex_destroy(&users->lock);
}

/* The unique part of an id: always the same for the same principal, as IAM's are. */
static void write_unique(const char *principal, size_t len, char out[UNIQUE_LEN + 1])
{
    uint8_t digest[SHA256_LEN];
    char hex[SHA256_HEX_LEN];

    crypto_sha256(principal, len, digest);
    crypto_hex(digest, sizeof(digest), hex);
    for (size_t i = 0; i < UNIQUE_LEN; i++) {
        out[i] = (char)toupper((unsigned char)hex[i]);
    }
    out[UNIQUE_LEN] = '\0';
}

/* arn:aws:iam::123456789012:user/NAME or arn:aws:sts::123456789012:assumed-role/ROLE/SESSION */
static bool read_arn(struct user *user)
{
    static const char user_prefix[] = "user/";
    static const char role_prefix[] = "assumed-role/";
    char service[4];
    char unique[UNIQUE_LEN + 1];
    int at = 0;

    if (sscanf(user->arn, "arn:%*[a-z-]:%3[a-z]::%12[0-9]:%n", service, user->account, &at) != 2 ||
        at == 0 || strlen(user->account) != USER_ACCOUNT_LEN - 1) {
        return false;
    }
    const char *name = user->arn + at;
    const char *last = strrchr(user->arn, '/');
    size_t len = strlen(user->arn);

    if (!last || !last[1]) {
        return false;
    }
    if (streq(service, "iam") && strncmp(name, user_prefix, strlen(user_prefix)) == 0) {
        write_unique(user->arn, len, unique);
        snprintf(user->id, sizeof(user->id), "AIDA%s", unique);
        return true;
    }
    if (streq(service, "sts") && strncmp(name, role_prefix, strlen(role_prefix)) == 0 &&
        last > name + strlen(role_prefix)) {
        write_unique(user->arn, (size_t)(last - user->arn), unique);
        snprintf(user->id, sizeof(user->id), "AROA%s:%s", unique, last + 1);
        return true;
    }
    return false;
}

static struct known_user *find(const struct users *users, const char *access_key_id)
{
    struct known_user *known = NULL;

    HASH_FIND_STR(users->by_key, access_key_id, known);
    return known;
}

bool users_add(struct users *users, struct user *user)
{
    if (!read_arn(user)) {
        return false;
    }
    user->access_key_id = text_keep(user->access_key_id);
    user->secret_access_key = text_keep(user->secret_access_key);
    user->session_token = text_keep(user->session_token);
    user->arn = text_keep(user->arn);
    pthread_mutex_lock(&users->lock);
    struct known_user *known = find(users, user->access_key_id);

    if (known) {
        known->user = *user;
    } else {
        known = xcalloc(1, sizeof(*known));
        known->user = *user;
        HASH_ADD_KEYPTR(hh, users->by_key, known->user.access_key_id,
                        strlen(known->user.access_key_id), known);
    }
    pthread_mutex_unlock(&users->lock);
    return true;
}

bool users_remove(struct users *users, const char *access_key_id)
{
    pthread_mutex_lock(&users->lock);
    struct known_user *known = find(users, access_key_id);

    if (known) {
        forget(users, known);
    }
    pthread_mutex_unlock(&users->lock);
    return known != NULL;
}

bool users_find(struct users *users, const char *access_key_id, struct user *out)
{
    pthread_mutex_lock(&users->lock);
    const struct known_user *known = find(users, access_key_id);

    if (known) {
        *out = known->user;
    }
    pthread_mutex_unlock(&users->lock);
    return known != NULL;
}

void users_emit(struct users *users, struct emit *e, const char *key)
{
    pthread_mutex_lock(&users->lock);
    emit_open(e, key, '[');
    for (const struct known_user *known = users->by_key; known; known = known->hh.next) {
        emit_open(e, NULL, '{');
        emit_text(e, "accessKeyId", known->user.access_key_id);
        emit_text(e, "arn", known->user.arn);
        emit_text(e, "userId", known->user.id);
        emit_close(e, '}');
    }
    emit_close(e, ']');
    pthread_mutex_unlock(&users->lock);
}
