/* What every request goes through, and what handlers do at the store. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "api/gate.h"
#include "api/traffic.h"
#include "http/problem.h"
#include "util/clock.h"
#include "util/log.h"

/* ---- every request --------------------------------------------------------------------------- */

static bool is_ready(struct api *api)
{
    return atomic_load(&api->store_checked) && view_ready(api->view);
}

/* All that the client is told of it. */
static const char *failure_shown(const struct service *service, enum error_code code)
{
    return code == ERR_UNAVAILABLE ? "The store is not available: try again later"
                                   : service->failure_text;
}

/* What went wrong on our side is for the log. */
static void reply_failure(const struct service *service, const struct http_request *req,
                          const struct error *err, struct http_response *resp)
{
    struct error shown = *err;
    bool problems = resp->problems;

    http_response_clear(resp);
    if (problems && problem_status(err->code) < 500) {
        http_reply_problem(resp, err);
        return;
    }
    log_warn("request.failed", "service=%s method=%s target=\"%.500s\" code=%s text=\"%s\"",
             service->name, req->method, req->target, error_code_name(err->code), err->text);
    if (problems) {
        snprintf(shown.text, sizeof(shown.text), "%s", failure_shown(service, err->code));
        http_reply_problem(resp, &shown);
        return;
    }
    http_reply_text(resp, 500, "%s", service->failure_text);
}

/* The revision is set before the handler runs, so that no later one is promised than it saw. */
static void add_view_headers(struct api *api, struct http_response *resp)
{
    int64_t age_ms = view_age_ms(api->view);

    reply_revision(resp, view_revision(api->view));
    if (age_ms >= AGE_SHOWN_MS) {
        http_set_header(resp, "X-Blox-Age-Ms", "%" PRId64, age_ms);
    }
}

static void serve(const struct service *service, struct http_request *req,
                  struct http_response *resp)
{
    struct error err = {0};

    if (req->body_len > BODY_LEN_MAX) {
        http_reply_text(resp, 413, "413 Request Entity Too Large");
        return;
    }
    if (!gate_admits(service->api->gate, service, req, resp)) {
        return;
    }
    bool ready = is_ready(service->api);

    if (!ready && !is_probe(req->target)) {
        http_set_header(resp, "Retry-After", "1");
        http_reply_text(resp, 503, "Starting: the state is not loaded yet");
        return;
    }
    if (!gate_is_first(service->api->gate, service, req, resp)) {
        return;
    }
    if (ready) {
        add_view_headers(service->api, resp);
    }
    if (router_serve(service->routes, service->api, req, resp, &err) < 0) {
        reply_failure(service, req, &err, resp);
        add_view_headers(service->api, resp);
    }
}

void service_serve(void *ctx, struct http_request *req, struct http_response *resp)
{
    int64_t began_us = clock_mono_us();

    log_request(*req->id ? req->id : NULL);
    traffic_begin();
    serve(ctx, req, resp);
    traffic_end(ctx, req, resp, clock_mono_us() - began_us);
    log_debug("request.served", "service=%s method=%s target=\"%.500s\" status=%d took_us=%" PRId64,
              ((const struct service *)ctx)->name, req->method, req->target, resp->status,
              clock_mono_us() - began_us);
    log_actor(NULL, NULL);
    log_request(NULL);
}

/* Entities are served on, with their age; without this line nobody would know why they are old. */
void say_outage(void *ctx, const struct error *why)
{
    (void)ctx;
    if (why) {
        log_warn("view.redis-away", "text=\"%s\"", why->text);
    } else {
        log_info("view.redis-back", "%s", "");
    }
}

/* ---- for handlers ---------------------------------------------------------------------------- */

void reply_revision(struct http_response *resp, int64_t revision)
{
    http_set_header(resp, "X-Blox-Revision", "%" PRId64, revision);
}

int catch_up(struct api *api, struct http_response *resp, struct error *err)
{
    if (view_catch_up(api->view, CATCH_UP_MS, err) < 0) {
        return -1;
    }
    reply_revision(resp, view_revision(api->view));
    return 0;
}

struct commit commit_for(const struct http_request *req, const struct commit_op *ops, size_t n_ops)
{
    struct commit commit = {
        .cause = "api",
        .actor = http_actor(req),
        .ops = ops,
        .n_ops = n_ops,
        .audit_request = req->id,
        .audit_api_request = req->identity.api_request_id,
    };

    commit_id_make(commit.id);
    return commit;
}

static bool is_in_doubt(const struct error *err)
{
    return err->code == ERR_UNAVAILABLE || err->code == ERR_PROTOCOL;
}

int commit_request(struct api *api, const struct commit *commit, struct commit_result *result,
                   struct error *err)
{
    int64_t until_ms = clock_mono_ms() + COMMIT_RETRY_MS;
    struct error why = {0};

    while (store_commit(api->store, commit, result, &why) < 0) {
        if (!is_in_doubt(&why) || clock_mono_ms() >= until_ms) {
            return error_set(err, why.code, "%s", why.text);
        }
        error_clear(&why);
        clock_sleep_ms(COMMIT_PAUSE_MS);
    }
    if (result->outcome != COMMIT_DONE && result->outcome != COMMIT_CONFLICT) {
        return error_set(err, ERR_CONFLICT, "the store refuses the commit (outcome %d)",
                         (int)result->outcome);
    }
    return 0;
}
