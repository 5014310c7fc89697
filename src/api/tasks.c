/* Tasks. */
#include "api/entities.h"

#include "model/arn.h"

bool names_task(const struct http_request *req)
{
    return cluster_name_is_valid(http_param(req, "cluster")) &&
           arn_parse(http_param(req, "arn"), ARN_TASK, NULL);
}

int list_tasks(struct api *api, const struct http_request *req, struct http_response *resp,
               struct error *err)
{
    return reply_entity_list(api, &task_filters, req, resp, err);
}

int get_task(struct api *api, const struct http_request *req, struct http_response *resp,
             struct error *err)
{
    (void)err;
    return reply_entity(api, KIND_TASK, "Task not found", req, resp);
}
