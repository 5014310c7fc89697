/*
 * One connection to Redis, used by one thread at a time. The door to hiredis, of which we use the
 * formatter and the reader over a transport of our own. Deadlines are in milliseconds of
 * clock_mono_ms.
 *
 * Errors: ERR_UNAVAILABLE (not reachable, late, loading, no primary, out of memory), ERR_DENIED,
 * ERR_PROTOCOL, ERR_INVALID (a setting is wrong). After a failure which leaves the connection in
 * doubt it is closed; what had been sent may have been applied.
 */
#ifndef BLOX_STORE_REDIS_H
#define BLOX_STORE_REDIS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/tls.h"
#include "store/url.h"
#include "util/attr.h"
#include "util/error.h"

/* ---- replies ------------------------------------------------------------------------------- */

enum reply_type { REPLY_NIL, REPLY_TEXT, REPLY_INTEGER, REPLY_ARRAY, REPLY_ERROR };

struct reply {
    enum reply_type type;
    int64_t integer;
    const char *text; /* NUL-terminated; may hold NULs */
    size_t len;
    struct reply **items;
    size_t n;
};

void reply_free(struct reply *reply);
AUTO_DEFINE(reply);
/* The text of an item, NULL when there is no such item or it is none. */
const char *reply_text_at(const struct reply *reply, size_t i);
/* The item, NULL when there is none or it is no array. */
const struct reply *reply_array_at(const struct reply *reply, size_t i);
/* The value behind a name in an array of names and values, or NULL. */
const struct reply *reply_field(const struct reply *array, const char *name);

/* ---- what a server says of itself ---------------------------------------------------------- */

#define IDENTITY_LEN 96

struct redis_info {
    int major, minor; /* version */
    bool primary;
    bool loading;
    bool aof;
    char policy[32]; /* maxmemory_policy; "" when it does not say */
    char run_id[48];
    bool was_replica;            /* its data came from another server: master_replid2 names one */
    char identity[IDENTITY_LEN]; /* "<run_id> <master_replid>" */
};
/* Reads an INFO text. */
void redis_info_parse(const char *text, struct redis_info *out);

/* What an error reply means for us. */
struct redis_refusal {
    enum error_code code;
    bool elsewhere;     /* nothing was done; the primary is elsewhere, or will be here soon: close,
                           resolve again, reconnect */
    const char *advice; /* for the person who has to do something; or NULL */
};
struct redis_refusal redis_refusal_of(const char *reply);

/* ---- the connection ------------------------------------------------------------------------ */

struct redis_settings {
    const struct redis_url *url;
    struct tls_context *tls; /* for rediss:// */
    const char *client;      /* CLIENT SETNAME; or NULL */
};

struct redis;
/* Does not connect yet. wake_fd (borrowed; -1: none) ends every wait. */
struct redis *redis_new(const struct redis_settings *settings, int wake_fd);
void redis_free(struct redis *redis);
AUTO_DEFINE(redis);

/* Resolves, connects and logs in, wherever that leads. */
int redis_dial(struct redis *redis, int64_t deadline_ms, struct error *err) MUST_CHECK;
/* The same, and makes sure that this is a primary with its data loaded. */
int redis_connect(struct redis *redis, int64_t deadline_ms, struct error *err) MUST_CHECK;
void redis_close(struct redis *redis);
/* Connected, and nobody has hung up or left an answer behind. */
bool redis_is_usable(struct redis *redis);
/* Whether the last failure was a refusal `elsewhere`: another attempt is safe and sensible. */
bool redis_wants_retry(const struct redis *redis);
/* "host:port" or the socket's path, for messages. */
const char *redis_address(const struct redis *redis);
/* As of the last redis_connect or redis_read_info. */
const struct redis_info *redis_info(const struct redis *redis);
int redis_read_info(struct redis *redis, int64_t deadline_ms, struct error *err) MUST_CHECK;

#define REDIS_SAME_MS 3000
/* Notes that the server, as redis_info has it, is the one which our data names. */
void redis_remember(struct redis *redis);
/*
 * Whether the server, with a new identity now, is still the one which was remembered as `identity`
 * on this connection, and has had no other data in between. Redis takes a new replication id, in
 * the same process, when its first replica attaches and when it gives its backlog up; both clear
 * master_replid2. One that was a replica in between names its former primary there, for as long as
 * it keeps its backlog (repl-backlog-ttl, an hour): that is why only REDIS_SAME_MS are bridged.
 */
bool redis_is_same(const struct redis *redis, const char *identity);

/* Sends one command; arguments travel apart from it, so no value needs quoting. Never gives an
 * error reply. redis_call takes texts, the last one NULL. */
struct reply *redis_call_argv(struct redis *redis, int64_t deadline_ms, size_t argc,
                              const char **argv, const size_t *lens, struct error *err) MUST_CHECK;
struct reply *redis_call(struct redis *redis, int64_t deadline_ms, struct error *err, ...)
    __attribute__((sentinel)) MUST_CHECK;

/* As redis_call_argv, but gives error replies, too; redis_refuse turns one into err. */
struct reply *redis_exchange(struct redis *redis, int64_t deadline_ms, size_t argc,
                             const char **argv, const size_t *lens, struct error *err) MUST_CHECK;
int redis_refuse(struct redis *redis, const struct reply *refusal, struct error *err);

#define DIGEST_LEN 41
/* Room for the digest under which this server knows a script; "" after each redis_connect. */
char *redis_digest(struct redis *redis, size_t script);

#endif
