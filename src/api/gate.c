/* Requests are verified, refused, and not taken twice. */
#include "api/gate.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/ecs_reads.h"
#include "api/keyring.h"
#include "http/problem.h"
#include "plan/admission.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"

#define LOGGED_MAX 20    /* refusals which one worker logs ... */
#define LOGGED_MS  10000 /* ... in this time; the metrics count all */

struct gate {
    struct keyring *keyring; /* NULL: nobody is asked who he is */
    struct callers *operators;
    struct callers *viewers;
    pthread_mutex_t lock; /* of what follows */
    int64_t logging_since_ms;
    uint64_t n_logged;
    uint64_t n_unlogged; /* since the last line */
};

/* ---- opening --------------------------------------------------------------------------------- */

static int open_callers(const char *flag, const char *list, struct callers **out, struct error *err)
{
    *out = list ? callers_parse(list, err) : NULL;
    return list && !*out ? error_prefix(err, "%s", flag) : 0;
}

static int open_keys(struct gate *gate, const struct gate_options *options, struct error *err)
{
    if (options->key_file && options->keys) {
        return error_set(err, ERR_INVALID, "want --key-file or BLOX_KEYS, not both");
    }
    if (!options->key_file && !options->keys) {
        return gate->operators || gate->viewers
                   ? error_set(err, ERR_INVALID,
                               "--operators and --viewers need --key-file or BLOX_KEYS: without "
                               "keys nobody is asked who he is")
                   : 0;
    }
    gate->keyring = keyring_open(options->key_file, options->keys, err);
    if (!gate->keyring) {
        return options->keys ? error_prefix(err, "BLOX_KEYS") : -1;
    }
    return 0;
}

struct gate *gate_open(const struct gate_options *options, struct error *err)
{
    AUTO(gate) *gate = xcalloc(1, sizeof(*gate));

    pthread_mutex_init(&gate->lock, NULL);
    if (open_callers("--operators", options->operators, &gate->operators, err) < 0 ||
        open_callers("--viewers", options->viewers, &gate->viewers, err) < 0 ||
        open_keys(gate, options, err) < 0) {
        return NULL;
    }
    if (!gate->keyring) {
        log_info("keys.none", "text=\"without keys everybody who reaches the APIs is let in\"");
    }
    return TAKE(gate);
}

void gate_free(struct gate *gate)
{
    if (!gate) {
        return;
    }
    keyring_free(gate->keyring);
    callers_free(gate->operators);
    callers_free(gate->viewers);
    pthread_mutex_destroy(&gate->lock);
    free(gate);
}

void gate_watch(struct gate *gate)
{
    if (gate->keyring) {
        keyring_watch(gate->keyring);
    }
}

/* ---- refusing -------------------------------------------------------------------------------- */

/* Why stays with us. */
static void reply_forbidden(const struct service *service, struct http_request *req,
                            struct http_response *resp)
{
    const struct error forbidden = {.code = ERR_DENIED};

    switch (router_errors(service->routes, req)) {
    case AS_PROBLEM:
        http_reply_problem(resp, &forbidden);
        return;
    case AS_ECS:
        ecs_reply_forbidden(resp);
        return;
    case AS_TEXT:
        http_reply_text(resp, 403, "403 Forbidden");
    }
}

/* A flood of refusals is not made one of lines, too. *unlogged: how many were left out before. */
static bool may_log(struct gate *gate, uint64_t *unlogged)
{
    int64_t now_ms = clock_mono_ms();

    pthread_mutex_lock(&gate->lock);
    if (now_ms - gate->logging_since_ms >= LOGGED_MS) {
        gate->logging_since_ms = now_ms;
        gate->n_logged = 0;
    }
    bool may = gate->n_logged < LOGGED_MAX;

    *unlogged = gate->n_unlogged;
    gate->n_unlogged = may ? 0 : gate->n_unlogged + 1;
    gate->n_logged += may;
    pthread_mutex_unlock(&gate->lock);
    return may;
}

static bool refuse(struct gate *gate, const struct service *service, struct http_request *req,
                   enum refusal why, struct http_response *resp)
{
    uint64_t unlogged;

    metric_add(METRIC_REQUESTS_REFUSED,
               metric_value_of(METRIC_REQUESTS_REFUSED, 0, refusal_name(why)), 1);
    if (may_log(gate, &unlogged)) {
        log_warn("request.refused",
                 "reason=%s service=%s method=%.20s target=\"%.500s\" key=\"%.64s\" "
                 "caller=\"%.300s\" timestamp=\"%.20s\" unlogged=%" PRIu64,
                 refusal_name(why), service->name, req->method, req->target, req->identity.key_id,
                 req->identity.caller_arn, req->timestamp, unlogged);
    }
    reply_forbidden(service, req, resp);
    return false;
}

/* ---- admitting ------------------------------------------------------------------------------- */

/* ECS' reads are POSTs. */
static bool only_reads(const struct http_request *req)
{
    return http_is_read(req) || (has_ecs_target(req) && streq(req->target, "/"));
}

static enum refusal decide(struct gate *gate, struct http_request *req)
{
    const struct admission_request request = {
        .sent =
            {
                .timestamp = req->timestamp,
                .method = req->method,
                .target = req->target,
                .body = req->body,
                .body_len = req->body_len,
                .identity = req->identity,
            },
        .signature = req->signature,
        .doubled = req->identity_doubled,
        .reads = only_reads(req),
    };
    const struct admission_rules rules = {
        .keys = keyring_begin(gate->keyring),
        .operators = gate->operators,
        .viewers = gate->viewers,
    };
    struct admission admission = admission_decide(&rules, &request, clock_wall_ms() / 1000);

    req->actor = xstrdup_or_null(admission.actor); /* keys may be replaced from now on */
    if (admission.mark) {
        memcpy(req->grant.mark, admission.mark, sizeof(req->grant.mark));
        req->grant.generation = keyring_generation(gate->keyring);
    }
    keyring_end(gate->keyring);
    return admission.refusal;
}

/* What nobody has verified is said of nobody. */
static void forget_identity(struct http_request *req)
{
    req->identity = (struct signature_identity){"", "", "", "", "", ""};
}

bool gate_admits(struct gate *gate, const struct service *service, struct http_request *req,
                 struct http_response *resp)
{
    if (!gate->keyring || (is_probe(req->target) && http_is_read(req))) {
        forget_identity(req);
        return true;
    }
    enum refusal why = decide(gate, req);

    if (why) {
        return refuse(gate, service, req, why, resp);
    }
    log_actor(req->actor, req->identity.api_request_id);
    return true;
}

/* ---- what goes on after it was admitted ------------------------------------------------------ */

void gate_refresh(struct gate *gate)
{
    if (gate->keyring) {
        keyring_refresh(gate->keyring);
    }
}

uint64_t gate_generation(const struct gate *gate)
{
    return gate->keyring ? keyring_generation(gate->keyring) : 0;
}

bool gate_upholds(struct gate *gate, struct http_grant *grant)
{
    if (grant->generation == gate_generation(gate)) {
        return true;
    }
    bool upheld = keys_have(keyring_begin(gate->keyring), grant->mark);

    grant->generation = gate_generation(gate);
    keyring_end(gate->keyring);
    return upheld;
}

/* ---- once only ------------------------------------------------------------------------------- */

static void reply_unavailable(const struct service *service, struct http_request *req,
                              struct http_response *resp)
{
    const struct error unavailable = {.code = ERR_UNAVAILABLE};

    http_set_header(resp, "Retry-After", "1");
    if (router_errors(service->routes, req) == AS_PROBLEM) {
        http_reply_problem(resp, &unavailable);
    } else {
        http_reply_text(resp, 503, "503 Service Unavailable");
    }
}

bool gate_is_first(struct gate *gate, const struct service *service, struct http_request *req,
                   struct http_response *resp)
{
    struct error err = {0};
    bool first = false;

    if (!gate->keyring || only_reads(req)) {
        return true;
    }
    int64_t keep_s = admission_remember_s(req->timestamp, clock_wall_ms() / 1000);

    if (store_claim_request(service->api->store, req->identity.key_id, req->identity.api_request_id,
                            keep_s, &first, &err) < 0) {
        log_warn("request.unverified", "service=%s method=%s target=\"%.500s\" text=\"%s\"",
                 service->name, req->method, req->target, err.text);
        reply_unavailable(service, req, resp);
        return false;
    }
    return first || refuse(gate, service, req, REFUSED_REPLAYED, resp);
}
