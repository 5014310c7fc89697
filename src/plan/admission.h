/*
 * Who is let in: from what a request says of its sender to who acts, or why nobody does.
 *
 * A key's role decides. A viewer only reads, an operator does everything, and a proxy does what
 * those may for whom it speaks: the callers who match `operators` or `viewers`, an operator's right
 * winning; everybody where neither list is given. A proxy which names no caller is refused, and so
 * is every other key that names one.
 */
#ifndef BLOX_PLAN_ADMISSION_H
#define BLOX_PLAN_ADMISSION_H

#include "http/keys.h"
#include "http/signature.h"
#include "plan/callers.h"

#define REQUEST_ID_MAX 128 /* visible ASCII characters */

/* In the order in which they are looked for; the metrics have their names. */
enum refusal {
    REFUSED_NOT,
    REFUSED_UNSIGNED,   /* no signature, no timestamp or no key id */
    REFUSED_DOUBLED,    /* an identity header was sent twice */
    REFUSED_TIMESTAMP,  /* none, or too far from our clock */
    REFUSED_KEY,        /* unknown */
    REFUSED_SIGNATURE,  /* another secret, or another request */
    REFUSED_SPEAKS_FOR, /* names a caller without being a proxy */
    REFUSED_NO_CALLER,  /* a proxy which names nobody */
    REFUSED_CALLER,     /* in neither list */
    REFUSED_ROLE,       /* a viewer who wants to change something */
    REFUSED_REQUEST_ID, /* a request that changes something has none that is usable */
    REFUSED_REPLAYED,   /* its request id was here before; not decided here */
    N_REFUSALS
};
/* "unsigned", "doubled", ... */
const char *refusal_name(enum refusal refusal);

struct admission_rules {
    const struct keys *keys;
    const struct callers *operators; /* or NULL */
    const struct callers *viewers;   /* or NULL */
};

struct admission_request {
    struct signature_request sent;
    const char *signature; /* the header, "" without one */
    bool doubled;          /* some identity header came more than once */
    bool reads;            /* it changes nothing */
};

struct admission {
    enum refusal refusal;
    const char *actor;   /* who acts: an ARN or a key's principal; NULL when refused */
    const uint8_t *mark; /* of what it was signed with (keys_have); NULL when refused */
};

/* Pure: borrows from both arguments. */
struct admission admission_decide(const struct admission_rules *rules,
                                  const struct admission_request *request, int64_t now_s);

/*
 * For how many seconds a request which changes something must be remembered, so that it cannot be
 * sent again: until SIGNATURE_WINDOW_S after its signature has become too old, so that no clock
 * need agree with another. 2 * SIGNATURE_WINDOW_S for a clock like ours. Of a timely timestamp.
 */
int64_t admission_remember_s(const char *timestamp, int64_t now_s);

#endif
