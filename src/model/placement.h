/*
 * A placement: what we know about an environment's tasks on one container instance. It is the
 * intent (written before ECS is called), the ledger of the tasks that are ours, and the state of
 * the back-off, in one.
 *
 * All texts are borrowed, by placement_read from the fields it is given; none is ever NULL after
 * it.
 */
#ifndef BLOX_MODEL_PLACEMENT_H
#define BLOX_MODEL_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/kind.h"

enum placement_state {
    PLACEMENT_STARTING, /* StartTask may be on its way or have taken effect */
    PLACEMENT_PLACED,   /* the tasks named are there, or were */
    PLACEMENT_STOPPING, /* StopTask may be on its way: no longer counted as healthy */
    PLACEMENT_WAITING,  /* no task; nothing is started before retry_at_ms */
};

struct placement {
    const char *cluster;     /* ARN */
    const char *environment; /* id */
    const char *instance;    /* container instance ARN */
    enum placement_state state;
    const char *deployment; /* id of the deployment which acted last here */
    const char *tasks;      /* ARNs of our tasks here, comma separated, or "" */
    const char *lease;      /* token of the lease under which it was written */
    const char *reason;     /* code of the last failure until a task is well again, or "" */
    int64_t failures;       /* in a row */
    int64_t retry_at_ms;    /* Redis' time; 0: at once */
    int64_t at_ms;          /* Redis' time at which the state was entered */
};

/* "<environment id>/<container instance ARN>", added to out. */
void placement_key(const char *environment_id, const char *instance_arn, struct strbuf *out);

/* "starting", "placed", "stopping" or "waiting". */
const char *placement_state_name(enum placement_state state);

/* The instance belongs into its deployment's `failedInstances`. */
bool placement_failed(const struct placement *placement);
/* Whether the task is one of those the placement names. */
bool placement_owns(const struct placement *placement, const char *task_arn);

void placement_read(const char *const fields[FIELDS_MAX], struct placement *out);
/* The field line; out is a fresh strbuf. */
void placement_fields(const struct placement *placement, struct strbuf *out);
/* The stored body, one JSON object; out is a fresh strbuf. */
void placement_body(const struct placement *placement, struct strbuf *out);

#endif
