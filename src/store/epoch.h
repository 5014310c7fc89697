/* Losing writes must not go unnoticed: is this the server that wrote last? */
#ifndef BLOX_STORE_EPOCH_H
#define BLOX_STORE_EPOCH_H

#include "store/redis.h"

/*
 * Compares the server's identity, as redis_info has it, with the one in meta, and begins a new
 * epoch where they differ, unless the server is certain to be the same (redis_is_same); a Redis
 * without meta gets one. Errors: redis.h, and ERR_INVALID where
 * the data is of a newer format than ours.
 */
int epoch_check(struct redis *redis, int64_t deadline_ms, struct error *err) MUST_CHECK;
/* The same after asking the server again who it is: a demotion need not break a connection. */
int epoch_check_again(struct redis *redis, int64_t deadline_ms, struct error *err) MUST_CHECK;

#endif
