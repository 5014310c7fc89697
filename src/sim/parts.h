/* What the simulator is made of, for the files of this room. */
#ifndef BLOX_SIM_PARTS_H
#define BLOX_SIM_PARTS_H

#include "net/server.h"
#include "sim/answer.h"
#include "sim/calls.h"
#include "sim/faults.h"
#include "sim/queues.h"
#include "sim/quotas.h"
#include "sim/runtime.h"
#include "sim/settings.h"
#include "sim/sim.h"
#include "sim/users.h"
#include "sim/world.h"

struct sim {
    struct sim_options options;
    struct settings settings;
    struct world world;
    struct queues queues;
    struct faults faults;
    struct quotas quotas;
    struct call_log calls;
    struct users users;
    struct runtime runtime;
    struct server *server;
    struct server *gateway;     /* NULL: not asked for */
    struct server *runtime_api; /* the same */
};

/* One operation of a service; the table of each ends with a NULL name. */
struct operation {
    const char *name;
    int (*run)(struct sim *sim, struct call *call); /* 0, or -1 with call->refusal set */
    bool writes;                                    /* which of ECS' quotas it draws on */
};

extern const struct operation ecs_operations[];
extern const struct operation sqs_operations[];

/* ECS' operations, by subject. */
int ecs_create_cluster(struct sim *sim, struct call *call);
int ecs_delete_cluster(struct sim *sim, struct call *call);
int ecs_describe_clusters(struct sim *sim, struct call *call);
int ecs_list_clusters(struct sim *sim, struct call *call);
int ecs_register_task_definition(struct sim *sim, struct call *call);
int ecs_deregister_task_definition(struct sim *sim, struct call *call);
int ecs_describe_task_definition(struct sim *sim, struct call *call);
int ecs_list_task_definitions(struct sim *sim, struct call *call);
int ecs_list_task_definition_families(struct sim *sim, struct call *call);
int ecs_list_container_instances(struct sim *sim, struct call *call);
int ecs_describe_container_instances(struct sim *sim, struct call *call);
int ecs_deregister_container_instance(struct sim *sim, struct call *call);
int ecs_update_container_instances_state(struct sim *sim, struct call *call);
int ecs_put_attributes(struct sim *sim, struct call *call);
int ecs_delete_attributes(struct sim *sim, struct call *call);
int ecs_list_attributes(struct sim *sim, struct call *call);
int ecs_list_tasks(struct sim *sim, struct call *call);
int ecs_describe_tasks(struct sim *sim, struct call *call);
int ecs_start_task(struct sim *sim, struct call *call);
int ecs_stop_task(struct sim *sim, struct call *call);

/* The doors: each gets a request of its kind. */
void aws_handle(struct sim *sim, const struct server_request *request,
                struct server_response *response);
void control_handle(struct sim *sim, const struct server_request *request,
                    struct server_response *response);

#define GATEWAY_BODY_MAX (10 * 1024 * 1024) /* of a request */

/* The listeners of API Gateway and of Lambda's runtimes; ctx is the simulator. */
void gateway_handle(void *ctx, const struct server_request *request,
                    struct server_response *response);
void runtime_api_handle(void *ctx, const struct server_request *request,
                        struct server_response *response);

/* The control API's table, in parts. */
struct control_route {
    const char *method;
    const char *path; /* after /_sim */
    int (*run)(struct sim *sim, struct call *call);
};
extern const struct control_route control_world_routes[];   /* ends with a NULL method */
extern const struct control_route control_observe_routes[]; /* the same */
extern const struct control_route control_gateway_routes[]; /* the same */

/*
 * Whether the request is signed for the service ("ecs", "sqs", "execute-api"): 0 and whose key it
 * was, or -1 with the refusal AWS gives (in the JSON protocol's words). A signature that differs
 * also gives what should have been signed, unless `expected` is NULL.
 */
int auth_check(struct sim *sim, const struct server_request *request, const char *service,
               struct user *user, struct strbuf *expected, struct refusal *refusal);

#endif
