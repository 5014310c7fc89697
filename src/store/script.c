/* EVALSHA, and SCRIPT LOAD before it where the server does not know the script. */
#include "store/script.h"

#include <stdio.h>

#include "store/scripts_lua.h" /* made from the .lua files by the Makefile */
#include "util/mem.h"

/* The first line says what Redis may let it do. With allow-oom it runs in a full Redis, too: it
 * frees memory, or Blox could not recover without it. */
#define PLAIN     "#!lua\n"
#define ALLOW_OOM "#!lua flags=allow-oom\n"

static const struct {
    const char *first_line;
    const char *text;
} scripts[SCRIPT_COUNT] = {
    [SCRIPT_COMMIT] = {PLAIN, commit_lua},   [SCRIPT_COMMIT_DELETES] = {ALLOW_OOM, commit_lua},
    [SCRIPT_EPOCH] = {ALLOW_OOM, epoch_lua}, [SCRIPT_LEASE] = {ALLOW_OOM, lease_lua},
    [SCRIPT_PURGE] = {ALLOW_OOM, purge_lua},
};

static int load(struct redis *redis, int64_t deadline_ms, enum script script, struct error *err)
{
    AUTO_CHAR *text = xasprintf("%s%s", scripts[script].first_line, scripts[script].text);
    AUTO(reply) *digest = redis_call(redis, deadline_ms, err, "SCRIPT", "LOAD", text, NULL);

    if (!digest) {
        return error_prefix(err, "loading a script");
    }
    if (digest->type != REPLY_TEXT || digest->len != DIGEST_LEN - 1) {
        return error_set(err, ERR_PROTOCOL, "redis %s: SCRIPT LOAD gave no digest",
                         redis_address(redis));
    }
    memcpy(redis_digest(redis, script), digest->text, DIGEST_LEN);
    return 0;
}

static bool is_unknown(const struct reply *reply)
{
    return reply->type == REPLY_ERROR && strncmp(reply->text, "NOSCRIPT", 8) == 0;
}

struct reply *script_run(struct redis *redis, int64_t deadline_ms, enum script script,
                         size_t n_keys, size_t argc, const char **argv, size_t *lens,
                         struct error *err)
{
    char *digest = redis_digest(redis, script);
    char count[16];

    snprintf(count, sizeof(count), "%zu", n_keys);
    for (bool again = false;; again = true) {
        if (!digest[0] && load(redis, deadline_ms, script, err) < 0) {
            return NULL;
        }
        argv[0] = "EVALSHA";
        argv[1] = digest;
        argv[2] = count;
        if (lens) {
            lens[0] = strlen(argv[0]);
            lens[1] = strlen(argv[1]);
            lens[2] = strlen(argv[2]);
        }
        AUTO(reply) *reply = redis_exchange(redis, deadline_ms, argc, argv, lens, err);

        if (!reply) {
            return NULL;
        }
        if (is_unknown(reply) && !again) { /* SCRIPT FLUSH, or forgotten to save memory */
            digest[0] = '\0';
            continue;
        }
        if (reply->type == REPLY_ERROR) {
            redis_refuse(redis, reply, err);
            return NULL;
        }
        return TAKE(reply);
    }
}
