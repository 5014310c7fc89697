/* Describes a cluster and a task definition, within one deadline. */
#include "api/ecs_answers.h"

#include <stdlib.h>

#include "aws/ecs.h"
#include "model/arn.h"
#include "util/clock.h"
#include "util/js.h"
#include "util/log.h"
#include "util/mem.h"

struct lookup {
    struct api *api;
    int64_t until_ms;
    struct http_response *resp;
};

static struct ecs ecs_for(const struct lookup *lookup)
{
    int64_t left_ms = lookup->until_ms - clock_mono_ms();

    return (struct ecs){
        .aws = lookup->api->aws,
        .class = AWS_REQUEST,
        .timeout_ms = left_ms > 1 ? (int)left_ms : 1,
    };
}

/*
 * v0.3.0 made a 404 of every failure. It stays one where ECS says that the thing does not exist or
 * cannot exist; that ECS is busy, away or unwilling is not the client's fault.
 */
static void refuse(const char *operation, const char *what, const char *name,
                   const struct aws_answer *answer, const struct error *why,
                   struct http_response *resp)
{
    if (why->code == ERR_NOT_FOUND || why->code == ERR_INVALID) {
        http_reply_text(resp, 404,
                        "Error calling %s for %s %s: %s: %s\n\tstatus code: %d, request id: "
                        "%s",
                        operation, what, name, answer->code, answer->message, answer->http_status,
                        answer->request_id);
        return;
    }
    log_warn("ecs.failed", "operation=%s code=%s text=\"%s\"", operation,
             error_code_name(why->code), why->text);
    if (why->code == ERR_DENIED) {
        http_reply_text(resp, 500, "ECS refused %s: access denied", operation);
        return;
    }
    http_set_header(resp, "Retry-After", "5");
    http_reply_text(resp, 503, "ECS is %s: try %s again later",
                    why->code == ERR_THROTTLED ? "busy" : "not available", operation);
}

static const char *text_of(const json_t *obj, const char *key)
{
    const char *text = json_string_value(js_get(obj, key));

    return text ? text : "";
}

/* NULL when the answer is in resp already; so does find_task_definition. */
static char *find_cluster(const struct lookup *lookup, const char *name)
{
    struct ecs ecs = ecs_for(lookup);
    struct aws_answer answer = {0};
    struct error why = {0};
    json_auto_t *cluster = NULL;
    char *arn = NULL;

    if (*name && ecs_describe_cluster(&ecs, name, &answer, &cluster, &why) < 0) {
        refuse("DescribeClusters", "cluster", name, &answer, &why, lookup->resp);
    } else if (!cluster) {
        http_reply_text(lookup->resp, 404, "Cluster with name %s is missing", name);
    } else if (streq(text_of(cluster, "status"), "INACTIVE")) {
        http_reply_text(lookup->resp, 404, "Cluster is inactive");
    } else if (!arn_parse(text_of(cluster, "clusterArn"), ARN_CLUSTER, NULL)) {
        error_set(&why, ERR_PROTOCOL, "the cluster has no ARN");
        refuse("DescribeClusters", "cluster", name, &answer, &why, lookup->resp);
    } else {
        arn = xstrdup(text_of(cluster, "clusterArn"));
    }
    aws_answer_clear(&answer);
    return arn;
}

static char *find_task_definition(const struct lookup *lookup, const char *name)
{
    struct ecs ecs = ecs_for(lookup);
    struct aws_answer answer = {0};
    struct error why = {0};
    json_auto_t *definition = NULL;
    char *arn = NULL;

    if (ecs_describe_task_definition(&ecs, name, &answer, &definition, &why) < 0) {
        refuse("DescribeTaskDefinition", "taskDefinition", name, &answer, &why, lookup->resp);
    } else if (streq(text_of(definition, "status"), "INACTIVE")) {
        http_reply_text(lookup->resp, 404, "TaskDefinition is inactive");
    } else if (!*text_of(definition, "taskDefinitionArn")) {
        error_set(&why, ERR_PROTOCOL, "the task definition has no ARN");
        refuse("DescribeTaskDefinition", "taskDefinition", name, &answer, &why, lookup->resp);
    } else if (streq(text_of(definition, "networkMode"), "awsvpc")) {
        http_reply_text(lookup->resp, 400,
                        "TaskDefinition %s has the network mode awsvpc: its tasks need subnets and "
                        "security groups, which an environment cannot name",
                        text_of(definition, "taskDefinitionArn"));
    } else {
        arn = xstrdup(text_of(definition, "taskDefinitionArn"));
    }
    aws_answer_clear(&answer);
    return arn;
}

bool resolve_at_ecs(struct api *api, const char *cluster, const char *task_definition,
                    struct resolved *out, struct http_response *resp)
{
    struct lookup lookup = {api, clock_mono_ms() + ECS_MS, resp};
    struct resolved found = {.cluster = find_cluster(&lookup, cluster)};

    if (found.cluster) {
        found.task_definition = find_task_definition(&lookup, task_definition);
    }
    if (!found.task_definition) {
        resolved_clear(&found);
        return false;
    }
    *out = found;
    return true;
}

void resolved_clear(struct resolved *resolved)
{
    free(resolved->cluster);
    free(resolved->task_definition);
    *resolved = (struct resolved){0};
}
