/* Requests in the metrics: by route, method and status, and how long they took. */
#ifndef BLOX_API_TRAFFIC_H
#define BLOX_API_TRAFFIC_H

#include "api/api.h"

/* Names all routes of both services to the metrics; in the supervisor, before metrics_open. */
void traffic_open(void);
void traffic_close(void); /* after metrics_close */
/* Where the routes of a service begin. */
size_t traffic_first_route(const struct route *routes);

/* Around each request that is answered. */
void traffic_begin(void);
void traffic_end(const struct service *service, const struct http_request *req,
                 const struct http_response *resp, int64_t took_us);

#endif
