/* Whose calls are believed: access keys, secrets, and who stands behind each. Its own lock. */
#ifndef BLOX_SIM_USERS_H
#define BLOX_SIM_USERS_H

#include <pthread.h>
#include <stdbool.h>

#include "sim/emit.h"

#define USER_ACCOUNT_LEN 13 /* 12 digits and a NUL */
#define USER_ID_LEN      128

/* The texts are kept ones (sim/texts.h). */
struct user {
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token; /* calls must carry it; NULL: they must carry none */
    const char *arn;
    char account[USER_ACCOUNT_LEN];
    char id[USER_ID_LEN]; /* "AIDA..." of a user, "AROA...:SESSION" of a role that was assumed */
};

struct users {
    pthread_mutex_t lock;
    struct known_user *by_key;
};

void users_init(struct users *users);
void users_clear(struct users *users);
/* Fills in account and id from the ARN. False, and nothing changes, when it is no ARN of a user or
 * of a role's session. A key that is known already gets a new owner. */
bool users_add(struct users *users, struct user *user) MUST_CHECK;
bool users_remove(struct users *users, const char *access_key_id) MUST_CHECK;
/* A copy of the one with that key. */
bool users_find(struct users *users, const char *access_key_id, struct user *out) MUST_CHECK;
/* An array of all of them, without secrets. */
void users_emit(struct users *users, struct emit *e, const char *key);

#endif
