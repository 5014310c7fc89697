/*
 * The lease: at most one process at a time runs drift and scheduling. A thread of its own renews or
 * tries to take it. All times are of this process' own clocks: the holder's goes on while its
 * machine is suspended, because a candidate's elsewhere does; a candidate's stands still then.
 */
#ifndef BLOX_STORE_LEASE_H
#define BLOX_STORE_LEASE_H

#include "store/store.h"

#define LEASE_RENEW_MS  500
#define LEASE_DROP_MS   3000 /* after the last renewal which succeeded was sent */
#define LEASE_TAKE_MS   3500 /* the counter stood still for so long on the candidate's clock */
#define LEASE_TOKEN_LEN 33

struct lease;

/* Starts the thread. `changed` (may be NULL) is called from it whenever the lease is taken or lost.
 * owner is a text for people: host and pid. */
struct lease *lease_open(struct store *store, const char *owner,
                         void (*changed)(void *ctx, bool held), void *ctx,
                         struct error *err) MUST_CHECK;
/* Gives the lease up at once, so that another need not wait, and ends the thread. */
void lease_free(struct lease *lease);
AUTO_DEFINE(lease);

/* Whether it is held at this moment; its token then goes to out (which may be NULL). Check it
 * immediately before each write to ECS. */
bool lease_held(struct lease *lease, char out[LEASE_TOKEN_LEN]);
/* Milliseconds of the monotonic clock at which the present tenure began; 0 when not held. */
int64_t lease_since_ms(struct lease *lease);

#endif
