/* The Lua scripts, built into the program; a server is given one when it does not know it. */
#ifndef BLOX_STORE_SCRIPT_H
#define BLOX_STORE_SCRIPT_H

#include "store/redis.h"

enum script {
    SCRIPT_COMMIT,
    SCRIPT_COMMIT_DELETES, /* the same text, allowed in a full Redis */
    SCRIPT_EPOCH,
    SCRIPT_LEASE,
    SCRIPT_PURGE,
    SCRIPT_COUNT,
};

#define SCRIPT_ARGS 3 /* argv[0..2] are filled in: EVALSHA, digest, count of keys */

/* Runs a script: argv begins with SCRIPT_ARGS free places, then come n_keys keys, then arguments.
 * lens may be NULL when all are texts. Never gives an error reply. */
struct reply *script_run(struct redis *redis, int64_t deadline_ms, enum script script,
                         size_t n_keys, size_t argc, const char **argv, size_t *lens,
                         struct error *err) MUST_CHECK;

#endif
