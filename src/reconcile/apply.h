/*
 * Carrying out decisions, so that no instance ever gets two tasks: the placements are committed
 * before ECS is called, under the lease; the answer is committed before the place is looked at
 * again. One thread, the scheduler's; answers come in from the AWS thread and wait to be taken.
 */
#ifndef BLOX_RECONCILE_APPLY_H
#define BLOX_RECONCILE_APPLY_H

#include "aws/aws.h"
#include "reconcile/board.h"
#include "reconcile/look.h"
#include "store/lease.h"
#include "store/store.h"

#define CALL_TIMEOUT_MS 10000 /* of StartTask and StopTask, waiting for the governor included */

struct apply;

struct apply_options {
    struct aws *aws;     /* kept, like all of these */
    struct store *store; /* */
    struct view *view;
    struct lease *lease;
    struct board *board;
    int64_t settle_after_ms; /* after a call's deadline a listing can say that it had no effect */
};

struct apply *apply_open(const struct apply_options *options, struct error *err) MUST_CHECK;
void apply_free(struct apply *apply); /* no call may be under way: apply_is_idle */
AUTO_DEFINE(apply);

/* ---- with the board's lock held -------------------------------------------------------------- */

/* Room for another start or stop: the number of calls at once has an end. */
bool apply_has_room(const struct apply *apply);
/* Room for another decision of any kind in the next commits. */
bool apply_is_full(const struct apply *apply);
/* Whom the calls of this decision stand in line with. */
enum aws_class apply_class(const struct place *place, const struct look *look);
/* Takes down what was decided; a REPLACE is carried out like a STOP. */
void apply_add(struct apply *apply, struct place *place, const struct look *look);
/* Breaks listings off, and makes none any more: they are no business of a program which ends. */
void apply_stop_listing(struct apply *apply);
/* No call or listing is under way and no answer waits. */
bool apply_is_idle(const struct apply *apply);
size_t apply_n_busy(const struct apply *apply); /* starts, stops and listings; any time */

/* ---- without it ------------------------------------------------------------------------------ */

enum apply_outcome {
    APPLY_DONE,
    APPLY_NO_LEASE,
    APPLY_FROZEN, /* starts and stops wait: the store is frozen */
    APPLY_FAILED, /* the store does not answer; err says why */
};

/* Commits what was taken down and makes the calls. What could not be committed is marked on the
 * board again. */
enum apply_outcome apply_run(struct apply *apply, const char *lease_token, struct error *err);
/* Commits the answers which came in. -1: the store does not answer; they wait for the next time. */
int apply_take_answers(struct apply *apply, struct error *err) MUST_CHECK;

#endif
