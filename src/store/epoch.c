/* Begins a new epoch where the server is not the one which meta names. */
#include "store/epoch.h"

#include <stdlib.h>

#include "store/keys.h"
#include "store/script.h"
#include "store/store.h"
#include "util/crypto.h"

#define PAGE_KEY_LEN 32 /* bytes; for the HMAC of page tokens */
#define ATTEMPTS     3  /* lost races in a row; one is normal */

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number

static int refuse_format(struct redis *redis, const char *stored, struct error *err)
{
    return error_set(err, ERR_INVALID,
                     "redis %s holds data of format %.10s, written by a newer Blox; this program "
                     "knows format %d: upgrade it",
                     redis_address(redis), stored, STORE_FORMAT);
}

/* 1: begun, 0: somebody else was first, -1. */
static int begin(struct redis *redis, int64_t deadline_ms, const char *seen, struct error *err)
{
    char id[COMMIT_ID_LEN];
    uint8_t key[PAGE_KEY_LEN];
    char page_key[2 * PAGE_KEY_LEN + 1];

    commit_id_make(id);
    crypto_random(key, sizeof(key));
    crypto_hex(key, sizeof(key), page_key);
    const char *argv[] = {[SCRIPT_ARGS] = KEY_REVISION,
                          KEY_META,
                          KEY_LOG,
                          seen,
                          redis_info(redis)->identity,
                          TEXT_OF(STORE_FORMAT),
                          id,
                          page_key,
                          redis_is_same(redis, seen) ? "1" : "0"};
    AUTO(reply) *reply =
        script_run(redis, deadline_ms, SCRIPT_EPOCH, 3, ARRAY_LEN(argv), argv, NULL, err);

    if (!reply) {
        return error_prefix(err, "beginning a new epoch");
    }
    if (reply->type != REPLY_TEXT) {
        return error_set(err, ERR_PROTOCOL, "redis %s: epoch: no text", redis_address(redis));
    }
    if (strncmp(reply->text, "format ", 7) == 0) {
        return refuse_format(redis, reply->text + 7, err);
    }
    return streq(reply->text, "1");
}

int epoch_check(struct redis *redis, int64_t deadline_ms, struct error *err)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        AUTO(reply) *meta =
            redis_call(redis, deadline_ms, err, "HMGET", KEY_META, "identity", "format", NULL);

        if (!meta) {
            return -1;
        }
        const char *identity = reply_text_at(meta, 0);
        const char *format = reply_text_at(meta, 1);

        if (format && atoi(format) > STORE_FORMAT) {
            return refuse_format(redis, format, err);
        }
        if (identity && streq(identity, redis_info(redis)->identity)) {
            redis_remember(redis);
            return 0;
        }
        int begun = begin(redis, deadline_ms, identity ? identity : "", err);

        if (begun < 0) {
            return -1;
        }
        if (begun > 0) {
            redis_remember(redis);
            return 0;
        }
    }
    return error_set(err, ERR_UNAVAILABLE,
                     "redis %s: other programs keep naming another server: do they all use the "
                     "same address?",
                     redis_address(redis));
}

int epoch_check_again(struct redis *redis, int64_t deadline_ms, struct error *err)
{
    return redis_read_info(redis, deadline_ms, err) < 0 ? -1 : epoch_check(redis, deadline_ms, err);
}
