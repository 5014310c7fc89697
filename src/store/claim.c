/* Request ids which were used: who comes second is told so. */
#include <inttypes.h>
#include <stdio.h>

#include "store/keys.h"
#include "store/pool.h"
#include "util/mem.h"

#define NUMBER_LEN 24

struct claim {
    const char *key;
    int64_t keep_s;
    bool first;
};

static int claim(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    struct claim *c = ctx;
    char seconds[NUMBER_LEN];

    snprintf(seconds, sizeof(seconds), "%" PRId64, c->keep_s);
    AUTO(reply) *reply =
        redis_call(redis, deadline_ms, err, "SET", c->key, "1", "NX", "EX", seconds, NULL);

    if (!reply) {
        return -1;
    }
    c->first = reply->type == REPLY_TEXT;
    return 0;
}

int store_claim_request(struct store *store, const char *key_id, const char *request_id,
                        int64_t keep_s, bool *first, struct error *err)
{
    AUTO_CHAR *key = xasprintf(KEY_REQUEST_PREFIX "%s:%s", key_id, request_id);
    struct claim c = {.key = key, .keep_s = keep_s};

    if (store_run(store, claim, &c, err) < 0) {
        return error_prefix(err, "noting a request id");
    }
    *first = c.first;
    return 0;
}
