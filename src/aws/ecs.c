/* Inputs and outputs of the ECS operations. */
#include "aws/ecs.h"

#include <assert.h>
#include <stdlib.h>

#include "util/mem.h"

/* Takes input. */
static struct aws_call call_of(const struct ecs *ecs, const char *operation, json_t *input)
{
    assert(input);
    return (struct aws_call){
        .service = "ecs",
        .operation = operation,
        .input = input,
        .class = ecs->class,
        .timeout_ms = ecs->timeout_ms,
        .cancel = ecs->cancel,
    };
}

static int missing_output(const char *operation, const char *name, struct error *err)
{
    return error_set(err, ERR_PROTOCOL, "ecs %s: the answer has no %s", operation, name);
}

/* ---- one object ------------------------------------------------------------------------------ */

/* Like aws_call, for callers who may not want the answer. Takes input. */
static int ask(const struct ecs *ecs, const char *operation, json_t *input,
               struct aws_answer *answer, struct error *err)
{
    struct aws_call call = call_of(ecs, operation, input);
    int status = aws_call(ecs->aws, &call, answer, err);

    json_decref(input);
    return status;
}

int ecs_describe_cluster(const struct ecs *ecs, const char *name_or_arn, struct aws_answer *answer,
                         json_t **cluster, struct error *err)
{
    static const char operation[] = "DescribeClusters";
    struct aws_answer own = {0};
    struct aws_answer *got = answer ? answer : &own;
    int status = ask(ecs, operation, json_pack("{s:[s]}", "clusters", name_or_arn), got, err);
    json_t *clusters = json_object_get(got->body, "clusters");

    if (status == 0 && !json_is_array(clusters)) {
        status = missing_output(operation, "clusters", err);
    } else if (status == 0) {
        *cluster = json_incref(json_array_get(clusters, 0));
    }
    aws_answer_clear(&own);
    return status;
}

int ecs_describe_task_definition(const struct ecs *ecs, const char *name_or_arn,
                                 struct aws_answer *answer, json_t **definition, struct error *err)
{
    static const char operation[] = "DescribeTaskDefinition";
    struct aws_answer own = {0};
    struct aws_answer *got = answer ? answer : &own;
    int status = ask(ecs, operation, json_pack("{s:s}", "taskDefinition", name_or_arn), got, err);
    json_t *found = json_object_get(got->body, "taskDefinition");

    if (status == 0 && !json_is_object(found)) {
        status = missing_output(operation, "taskDefinition", err);
    } else if (status == 0) {
        *definition = json_incref(found);
    }
    aws_answer_clear(&own);
    return status;
}

/* ---- listings -------------------------------------------------------------------------------- */

/* Page after page: `input` (taken) is sent again and again with the token of the page before. */
static int each_page(const struct ecs *ecs, const char *operation, const char *name, json_t *input,
                     ecs_page *page, void *ctx, struct error *err)
{
    json_auto_t *page_input = input;
    bool more = true;

    while (more) {
        struct aws_answer answer = {0};
        struct aws_call call = call_of(ecs, operation, page_input);

        if (aws_call(ecs->aws, &call, &answer, err) < 0) {
            aws_answer_clear(&answer);
            return -1;
        }
        json_t *arns = json_object_get(answer.body, name);
        json_t *token = json_object_get(answer.body, "nextToken");

        if (!json_is_array(arns)) {
            aws_answer_clear(&answer);
            return missing_output(operation, name, err);
        }
        more = page(ctx, arns) && json_string_length(token) > 0;
        json_object_set(page_input, "nextToken", token);
        aws_answer_clear(&answer);
    }
    return 0;
}

bool ecs_collect(void *all, const json_t *arns)
{
    json_t *arn;
    size_t i;

    json_array_foreach(arns, i, arn)
    {
        json_array_append(all, arn);
    }
    return true;
}

/* All pages. Takes input. */
static int list(const struct ecs *ecs, const char *operation, const char *name, json_t *input,
                json_t **arns, struct error *err)
{
    json_auto_t *all = json_array();

    if (each_page(ecs, operation, name, input, ecs_collect, all, err) < 0) {
        return -1;
    }
    *arns = TAKE(all);
    return 0;
}

int ecs_list_clusters(const struct ecs *ecs, json_t **arns, struct error *err)
{
    return list(ecs, "ListClusters", "clusterArns", json_pack("{s:i}", "maxResults", 100), arns,
                err);
}

int ecs_list_container_instances(const struct ecs *ecs, const char *cluster, const char *status,
                                 ecs_page *page, void *ctx, struct error *err)
{
    return each_page(ecs, "ListContainerInstances", "containerInstanceArns",
                     json_pack("{s:s, s:i, s:s*}", "cluster", cluster, "maxResults",
                               ECS_DESCRIBE_MAX, "status", status),
                     page, ctx, err);
}

int ecs_list_tasks(const struct ecs *ecs, const char *cluster, const char *desired_status,
                   ecs_page *page, void *ctx, struct error *err)
{
    return each_page(ecs, "ListTasks", "taskArns",
                     json_pack("{s:s, s:i, s:s*}", "cluster", cluster, "maxResults",
                               ECS_DESCRIBE_MAX, "desiredStatus", desired_status),
                     page, ctx, err);
}

int ecs_list_tasks_started_by(const struct ecs *ecs, const char *cluster, const char *started_by,
                              json_t **arns, struct error *err)
{
    return list(ecs, "ListTasks", "taskArns",
                json_pack("{s:s, s:i, s:s}", "cluster", cluster, "maxResults", ECS_DESCRIBE_MAX,
                          "startedBy", started_by),
                arns, err);
}

/* ---- many objects ---------------------------------------------------------------------------- */

/* Takes input. */
static int describe(const struct ecs *ecs, const char *operation, const char *name, json_t *input,
                    json_t **objects, json_t **failures, struct error *err)
{
    struct aws_answer answer = {0};
    int status = ask(ecs, operation, input, &answer, err);
    json_t *found = json_object_get(answer.body, name);
    json_t *failed = json_object_get(answer.body, "failures");

    if (status == 0 && !json_is_array(found)) {
        status = missing_output(operation, name, err);
    } else if (status == 0) {
        *objects = json_incref(found);
        *failures = json_is_array(failed) ? json_incref(failed) : json_array();
    }
    aws_answer_clear(&answer);
    return status;
}

int ecs_describe_tasks(const struct ecs *ecs, const char *cluster, json_t *arns, json_t **tasks,
                       json_t **failures, struct error *err)
{
    assert(json_array_size(arns) <= ECS_DESCRIBE_MAX);
    return describe(
        ecs, "DescribeTasks", "tasks",
        json_pack("{s:s, s:O, s:[s]}", "cluster", cluster, "tasks", arns, "include", "TAGS"), tasks,
        failures, err);
}

int ecs_describe_container_instances(const struct ecs *ecs, const char *cluster, json_t *arns,
                                     json_t **instances, json_t **failures, struct error *err)
{
    assert(json_array_size(arns) <= ECS_DESCRIBE_MAX);
    return describe(ecs, "DescribeContainerInstances", "containerInstances",
                    json_pack("{s:s, s:O, s:[s]}", "cluster", cluster, "containerInstances", arns,
                              "include", "TAGS"),
                    instances, failures, err);
}

/* ---- writes ---------------------------------------------------------------------------------- */

struct write_ctx {
    ecs_done *done;
    void *ctx;
};

static void start_done(void *ctx, struct aws_answer *answer)
{
    struct write_ctx *write = ctx;
    json_auto_t *none = json_array();
    json_t *tasks = json_object_get(answer->body, "tasks");
    json_t *failures = json_object_get(answer->body, "failures");

    if (answer->err.code == ERR_NONE && !json_is_array(tasks)) {
        answer->in_doubt = true;
        missing_output("StartTask", "tasks", &answer->err);
    }
    write->done(write->ctx, answer, json_is_array(tasks) ? tasks : none,
                json_is_array(failures) ? failures : none);
    free(write);
}

static void stop_done(void *ctx, struct aws_answer *answer)
{
    struct write_ctx *write = ctx;
    json_t *task = json_object_get(answer->body, "task");
    json_auto_t *tasks = task ? json_pack("[O]", task) : json_array();
    json_auto_t *none = json_array();

    write->done(write->ctx, answer, tasks, none);
    free(write);
}

/* Takes input. */
static void submit_write(const struct ecs *ecs, const char *operation, json_t *input,
                         void (*aws_done)(void *, struct aws_answer *), ecs_done *done, void *ctx)
{
    struct write_ctx *write = xcalloc(1, sizeof(*write));
    struct aws_call call = call_of(ecs, operation, input);

    *write = (struct write_ctx){done, ctx};
    call.write = true;
    call.may_send = ecs->may_send;
    call.ctx = ecs->may_send_ctx;
    aws_submit(ecs->aws, &call, aws_done, write);
    json_decref(input);
}

void ecs_start_task_submit(const struct ecs *ecs, const struct ecs_start *start, ecs_done *done,
                           void *ctx)
{
    assert(json_array_size(start->instances) <= ECS_START_MAX);
    submit_write(ecs, "StartTask",
                 json_pack("{s:s, s:s, s:O, s:s*, s:s*}", "cluster", start->cluster,
                           "taskDefinition", start->task_definition, "containerInstances",
                           start->instances, "startedBy", start->started_by, "group", start->group),
                 start_done, done, ctx);
}

void ecs_stop_task_submit(const struct ecs *ecs, const char *cluster, const char *task,
                          const char *reason, ecs_done *done, void *ctx)
{
    submit_write(ecs, "StopTask",
                 json_pack("{s:s, s:s, s:s*}", "cluster", cluster, "task", task, "reason", reason),
                 stop_done, done, ctx);
}
