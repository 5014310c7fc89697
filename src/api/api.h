/* What the REST handlers of one worker share. */
#ifndef BLOX_API_API_H
#define BLOX_API_API_H

#include <stdatomic.h>

#include "api/copies.h"
#include "aws/aws.h"
#include "http/router.h"
#include "store/store.h"
#include "view/view.h"

#define CATCH_UP_MS      2000 /* a read of what users wrote waits so long for the view */
#define COMMIT_RETRY_MS  3000 /* a commit in doubt is repeated for so long */
#define COMMIT_PAUSE_MS  100
#define CONFLICT_RETRIES 16    /* somebody else was first: read again */
#define ECS_MS           10000 /* what one request may spend at ECS in all */
#define AGE_SHOWN_MS     2000  /* a view that heard nothing for so long says so */

struct api {
    struct store *store;
    struct view *view;
    struct aws *aws;
    struct gate *gate;         /* who is let in: api/gate.h */
    struct hub *hub;           /* the streams: api/hub.h */
    atomic_bool store_checked; /* Redis answered, and is one we can work with */
    struct copies copies;      /* which answers nginx keeps */
};

/* One of the two APIs: what its socket answers. */
struct service {
    const char *name; /* in the log */
    const struct route *routes;
    const char *failure_text; /* the body of a 500 */
    struct api *api;
    size_t first_route; /* in the metrics: traffic.h */
};

extern const struct route scheduler_routes[];
extern const struct route state_routes[];

/* Answered before anything is known: it says of itself how much that is. */
bool is_probe(const char *target);

/* Answers one request on behalf of a struct service; any thread. */
void service_serve(void *service, struct http_request *req, struct http_response *resp);

/* For the view's listener: that Redis is away, or back. */
void say_outage(void *ctx, const struct error *why);

/* ---- for handlers ---------------------------------------------------------------------------- */

/* "Everything up to this revision is in the answer." */
void reply_revision(struct http_response *resp, int64_t revision);
/* Read your writes, whoever took them: waits until the view has what Redis has now. */
int catch_up(struct api *api, struct http_response *resp, struct error *err) MUST_CHECK;
/* A commit of what a request asks for, in its name and under a new id. */
struct commit commit_for(const struct http_request *req, const struct commit_op *ops, size_t n_ops);
/*
 * Commits on behalf of a request; an attempt in doubt is repeated under the same id, so that what
 * was written counts once. COMMIT_DONE or COMMIT_CONFLICT; everything else is an error.
 */
int commit_request(struct api *api, const struct commit *commit, struct commit_result *result,
                   struct error *err) MUST_CHECK;

/* ---- the handlers ---------------------------------------------------------------------------- */

typedef int handler(struct api *api, const struct http_request *req, struct http_response *resp,
                    struct error *err);

handler ping, livez, readyz;
handler create_environment, list_environments, get_environment, delete_environment;
handler create_deployment, list_deployments, get_deployment;
handler list_tasks, get_task, list_instances, get_instance, list_clusters;
handler stream_tasks, stream_instances;
handler answer_ecs_read;
handler reconcile;

/* Conditions which belong to a route's match. */
bool has_deployment_token(const struct http_request *req);
bool names_task(const struct http_request *req);
bool names_instance(const struct http_request *req);
bool has_ecs_target(const struct http_request *req);

#endif
