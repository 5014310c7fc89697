/*
 * A deployment: the order to bring an environment's task definition to every instance. It is
 * pending until the scheduler took it up, running until every eligible instance has its task or a
 * recorded failure, then completed; the newest one keeps acting on later instances.
 *
 * All texts are borrowed, by deployment_read from the fields it is given; none is ever NULL after
 * it.
 */
#ifndef BLOX_MODEL_DEPLOYMENT_H
#define BLOX_MODEL_DEPLOYMENT_H

#include <stdint.h>

#include "model/kind.h"
#include "util/uuid.h"

enum deployment_status { DEPLOYMENT_PENDING, DEPLOYMENT_RUNNING, DEPLOYMENT_COMPLETED };

struct deployment {
    const char *cluster;         /* ARN */
    const char *environment;     /* id */
    const char *id;              /* UUID; startedBy of its tasks */
    const char *task_definition; /* ARN with revision */
    const char *token;           /* the environment's token it was made with */
    enum deployment_status status;
    int64_t created_at_ms;
    int64_t completed_at_ms; /* 0 before */
};

#define DEPLOYMENT_KEY_LEN (2 * UUID_LEN)

/* "<environment id>/<deployment id>". False, and "" in out, when the ids are too long for it: such
 * a deployment does not exist. */
bool deployment_key(const char *environment_id, const char *id, char out[DEPLOYMENT_KEY_LEN]);

/* "pending", "running" or "completed", also on the wire. */
const char *deployment_status_name(enum deployment_status status);

void deployment_read(const char *const fields[FIELDS_MAX], struct deployment *out);
/* The field line; out is a fresh strbuf. */
void deployment_fields(const struct deployment *deployment, struct strbuf *out);
/* The stored body, one JSON object; out is a fresh strbuf. */
void deployment_body(const struct deployment *deployment, struct strbuf *out);

#endif
