/* Lists of tasks and instances, and single ones. */
#ifndef BLOX_API_ENTITIES_H
#define BLOX_API_ENTITIES_H

#include "api/api.h"
#include "api/filters.h"

/* `{"items":[...]}` of those which the request's filters let through. */
int reply_entity_list(struct api *api, const struct filter_rules *rules,
                      const struct http_request *req, struct http_response *resp,
                      struct error *err);
/* The entity called {arn} if it belongs to {cluster}, else 404 with the text. */
int reply_entity(struct api *api, enum kind kind, const char *missing_text,
                 const struct http_request *req, struct http_response *resp);

#endif
