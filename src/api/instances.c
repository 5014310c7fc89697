/* Container instances. */
#include "api/entities.h"

#include "model/arn.h"

bool names_instance(const struct http_request *req)
{
    return cluster_name_is_valid(http_param(req, "cluster")) &&
           arn_parse(http_param(req, "arn"), ARN_INSTANCE, NULL);
}

int list_instances(struct api *api, const struct http_request *req, struct http_response *resp,
                   struct error *err)
{
    return reply_entity_list(api, &instance_filters, req, resp, err);
}

int get_instance(struct api *api, const struct http_request *req, struct http_response *resp,
                 struct error *err)
{
    (void)err;
    return reply_entity(api, KIND_INSTANCE, "Instance not found", req, resp);
}
