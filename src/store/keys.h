/* The names of everything we keep in Redis. One hash tag: all of it lives on one shard. */
#ifndef BLOX_STORE_KEYS_H
#define BLOX_STORE_KEYS_H

#include "model/kind.h"

#define KEY_REVISION "{blox}:revision" /* counter: the last revision taken */
#define KEY_META     "{blox}:meta" /* hash: identity, format, epoch, freeze, page_key, created */
/* Hash: "<kind> <cluster>" -> the revision which changed it last, "event <cluster>" -> when an
 * event last did, in ms. */
#define KEY_CHANGED "{blox}:changed"
#define KEY_LOG     "{blox}:log"   /* stream: every change, its id is <revision>-0 */
#define KEY_AUDIT   "{blox}:audit" /* stream: who did what to which environment */
#define KEY_LEASE   "{blox}:lease" /* hash: owner, token, counter */
/* Sorted set: "<kind> <key>" of what was deleted, by the time of that. */
#define KEY_TOMBSTONES "{blox}:tombstones"

#define KEY_RESULT_PREFIX  "{blox}:commit:"  /* + commit id: what a durable commit came to */
#define KEY_REQUEST_PREFIX "{blox}:request:" /* + key id, ":", request id: it was used */

/* Hash: key -> stored value. The scripts derive the same names. */
const char *key_of_kind(enum kind kind);
/* Hash: key -> "<revision>\n<canonical JSON>". */
const char *key_of_raw(enum kind kind);

#endif
