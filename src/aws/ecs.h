/*
 * The operations of Amazon ECS which we use, typed. Objects and ARNs come as ECS says them, in
 * jansson's vocabulary; the wire is JSON 1.1.
 *
 * Every function gives 0 and its results, or -1 with err set: ERR_INVALID, ERR_DENIED,
 * ERR_NOT_FOUND, ERR_CONFLICT, ERR_THROTTLED, ERR_UNAVAILABLE, ERR_PROTOCOL. Results belong to the
 * caller and are untouched on errors.
 * Source: Amazon ECS API Reference, 2014-11-13.
 */
#ifndef BLOX_AWS_ECS_H
#define BLOX_AWS_ECS_H

#include <jansson.h>

#include "aws/aws.h"

#define ECS_DESCRIBE_MAX 100 /* ARNs in one Describe call, and in one page of a listing */
#define ECS_START_MAX    10  /* container instances in one StartTask */

/* How calls are made; filled in by the caller, borrowed for the call. */
struct ecs {
    struct aws *aws;
    enum aws_class class;
    int timeout_ms; /* of each call; a listing makes one call a page, its timeout is a page's */
    /* Writes only, see struct aws_call; NULL: always. Must live until `done`. */
    bool (*may_send)(void *ctx);
    void *may_send_ctx;
    const atomic_bool *cancel; /* or NULL; see struct aws_call */
};

/* ---- one object ------------------------------------------------------------------------------ */

/*
 * A cluster by name or ARN. 0 and *cluster NULL: ECS answered that it is MISSING.
 * `answer` (or NULL) takes the code, message, status and request id for those who quote them; an
 * empty one to be cleared with aws_answer_clear whatever the outcome.
 */
int ecs_describe_cluster(const struct ecs *ecs, const char *name_or_arn, struct aws_answer *answer,
                         json_t **cluster, struct error *err) MUST_CHECK;
/* A task definition by family, family:revision or ARN. An unknown one is an error (ECS says
 * ClientException). */
int ecs_describe_task_definition(const struct ecs *ecs, const char *name_or_arn,
                                 struct aws_answer *answer, json_t **definition,
                                 struct error *err) MUST_CHECK;

/* ---- listings -------------------------------------------------------------------------------- */

/* One page of ARNs, up to ECS_DESCRIBE_MAX, borrowed. False ends the listing early: no error. */
typedef bool ecs_page(void *ctx, const json_t *arns);
/* For who wants all of them: ctx is an array, to which the pages are added. */
ecs_page ecs_collect;

/* `status`: ACTIVE, DRAINING, REGISTERING, ...; NULL: all which ECS lists (never INACTIVE). */
int ecs_list_container_instances(const struct ecs *ecs, const char *cluster, const char *status,
                                 ecs_page *page, void *ctx, struct error *err) MUST_CHECK;
/* `desired_status`: RUNNING or STOPPED; NULL: ECS' default, which is RUNNING. */
int ecs_list_tasks(const struct ecs *ecs, const char *cluster, const char *desired_status,
                   ecs_page *page, void *ctx, struct error *err) MUST_CHECK;

/* The others give an array of ARNs, of all pages. */
int ecs_list_clusters(const struct ecs *ecs, json_t **arns, struct error *err) MUST_CHECK;
/* Desired RUNNING only: ECS takes no second filter beside startedBy. */
int ecs_list_tasks_started_by(const struct ecs *ecs, const char *cluster, const char *started_by,
                              json_t **arns, struct error *err) MUST_CHECK;

/* ---- up to ECS_DESCRIBE_MAX objects ---------------------------------------------------------- */

/* With their tags. `arns` is an array of texts, borrowed. *failures holds {"arn", "reason"}
 * objects; MISSING is the reason of what ECS does not know. */
int ecs_describe_tasks(const struct ecs *ecs, const char *cluster, json_t *arns, json_t **tasks,
                       json_t **failures, struct error *err) MUST_CHECK;
int ecs_describe_container_instances(const struct ecs *ecs, const char *cluster, json_t *arns,
                                     json_t **instances, json_t **failures,
                                     struct error *err) MUST_CHECK;

/* ---- writes, which nobody waits for ---------------------------------------------------------- */

struct ecs_start {
    const char *cluster;         /* ARN */
    const char *task_definition; /* ARN */
    json_t *instances;           /* 1 to ECS_START_MAX container instance ARNs, borrowed */
    const char *started_by;      /* up to 128 characters; NULL for none */
    const char *group;           /* NULL: ECS' default, family:<family> */
};

/*
 * Called once, from the AWS thread: keep it short. All are borrowed for the call (incref what you
 * keep). answer->err and answer->in_doubt say how it went; the arrays are empty on errors.
 * `failures` of a StartTask are {"arn": <container instance>, "reason"} objects.
 */
typedef void ecs_done(void *ctx, const struct aws_answer *answer, json_t *tasks, json_t *failures);

void ecs_start_task_submit(const struct ecs *ecs, const struct ecs_start *start, ecs_done *done,
                           void *ctx);
/* `tasks` then has the one task, as it is after the order. `reason` is for people. */
void ecs_stop_task_submit(const struct ecs *ecs, const char *cluster, const char *task,
                          const char *reason, ecs_done *done, void *ctx);

#endif
