/* For load balancers and those who restart what hangs: /v1/ping, /livez and /readyz. */
#include "api/api.h"
#include "http/health.h"
#include "util/metrics.h"

bool is_probe(const char *target)
{
    static const char *const paths[] = {"/v1/ping", "/livez", "/readyz"};
    size_t len = strcspn(target, "?");

    for (size_t p = 0; p < ARRAY_LEN(paths); p++) {
        if (strlen(paths[p]) == len && memcmp(paths[p], target, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Alive means: this worker answers. It checks nothing else, as load balancers expect. */
int ping(struct api *api, const struct http_request *req, struct http_response *resp,
         struct error *err)
{
    (void)api;
    (void)req;
    (void)err;
    return http_reply_empty(resp, 200, HTTP_JSON);
}

static int reply_health(const struct http_request *req, const struct health *health,
                        struct http_response *resp)
{
    health_write(health, health_wants_verbose(req->raw_query), &resp->text);
    resp->status = health_status(health);
    resp->content_type = HTTP_TEXT;
    resp->body_len = resp->text.len;
    http_set_header(resp, "Cache-Control", "no-store");
    if (resp->status == 503) {
        http_set_header(resp, "Retry-After", "1");
    }
    return 0;
}

int livez(struct api *api, const struct http_request *req, struct http_response *resp,
          struct error *err)
{
    AUTO_HEALTH health = {0};

    (void)api;
    (void)err;
    health_add_loops(&health, "", metrics_own_slot());
    return reply_health(req, &health, resp);
}

/* Stays 200 while Redis is away: what has been loaded is still served. */
int readyz(struct api *api, const struct http_request *req, struct http_response *resp,
           struct error *err)
{
    AUTO_HEALTH health = {0};

    (void)err;
    if (!atomic_load(&api->store_checked)) {
        health_add(&health, "store", HEALTH_FAILED, "Redis has not answered yet");
    }
    health_add_view(&health, "", metrics_own_slot());
    return reply_health(req, &health, resp);
}
