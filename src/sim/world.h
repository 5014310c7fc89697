/*
 * What the simulated ECS holds: clusters, task definitions, container instances and tasks, with the
 * rules by which they change and the events they report.
 *
 * One lock (world_lock) guards it all; every function below wants it held unless it says otherwise.
 * Texts named `const char *` are kept ones (sim/texts.h) or static.
 */
#ifndef BLOX_SIM_WORLD_H
#define BLOX_SIM_WORLD_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "sim/settings.h"
#include "sim/timers.h"
#include "util/strbuf.h"
#include "util/tree.h"

#define INSTANCE_PORTS_MAX 100 /* host ports one instance can have taken, as in ECS */
#define DEFINITION_PORTS   32
#define KEPT_AFTER_END_MS  (60 * 60 * 1000) /* STOPPED tasks, INACTIVE instances */

/* ---- task definitions ------------------------------------------------------------------------ */

struct port {
    int number;
    bool udp;
};

struct definition {
    const char *arn;
    const char *family;
    int revision;
    bool active;
    json_t *body; /* as Describe shows it, without what changes */
    int cpu;      /* what an instance must have left for one task */
    int memory;
    struct port ports[DEFINITION_PORTS]; /* fixed host ports */
    size_t n_ports;
    int64_t stop_timeout_ms; /* the longest of its containers */
    bool health_check;
    bool own_interface; /* awsvpc: StartTask wants a network configuration */
    json_t *requires;   /* array of {"name"} of attributes */
    int64_t registered_at_ms;
    int64_t deregistered_at_ms;
};

struct family {
    RB_ENTRY(family) node;
    const char *name;
    struct definition **revisions; /* revision n at n - 1 */
    size_t n_revisions;
};
RB_HEAD(family_tree, family);

/* ---- clusters -------------------------------------------------------------------------------- */

struct instance;
struct task;
RB_HEAD(instance_tree, instance);
RB_HEAD(task_tree, task);
RB_HEAD(instance_task_tree, task);

struct cluster {
    RB_ENTRY(cluster) node;
    const char *name;
    const char *arn;
    bool active;
    struct instance_tree instances; /* by ARN */
    struct instance *instances_by_id;
    struct task_tree tasks; /* by ARN */
    struct task *tasks_by_id;
    int registered; /* instances which are not INACTIVE */
    int running;
    int pending;
};
RB_HEAD(cluster_tree, cluster);

/* ---- container instances --------------------------------------------------------------------- */

/* What of an instance changes; a copy of it is what a lagging Describe shows. */
struct instance_state {
    const char *status; /* ACTIVE, DRAINING or INACTIVE */
    bool agent_connected;
    int64_t version;
    int64_t updated_at_ms;
    int cpu; /* remaining */
    int memory;
    struct port ports[INSTANCE_PORTS_MAX]; /* taken, the agent's own among them */
    int n_ports;
    int running;
    int pending;
    json_t *attributes; /* array of {"name","value"}; never changed, only replaced */
};

struct instance_past {
    struct instance_past *older;
    int64_t until_ms; /* CLOCK_MONOTONIC: when it ceased to be so */
    struct instance_state state;
};

struct instance {
    RB_ENTRY(instance) by_arn;
    UT_hash_handle hh; /* in cluster->instances_by_id */
    const char *arn;
    const char *id; /* the end of the ARN */
    const char *ec2_id;
    const char *zone;
    struct cluster *cluster;
    int cpu;
    int memory;
    int64_t registered_at_ms;
    int64_t registered_mono_ms;
    struct instance_state now;
    struct instance_past *past;
    struct instance_task_tree tasks; /* by ARN */
    struct timer timer;              /* forgets it, once INACTIVE */
};

/* ---- tasks ----------------------------------------------------------------------------------- */

enum task_status { STATUS_PENDING, STATUS_RUNNING, STATUS_STOPPED };

struct task_state {
    enum task_status last;
    enum task_status desired;
    int64_t version;
    int64_t updated_at_ms;
    int64_t pull_started_at_ms;
    int64_t started_at_ms;
    int64_t stopping_at_ms;
    int64_t stopped_at_ms;
    const char *stop_code;
    const char *stopped_reason;
    const char *health;
    bool has_exit_code;
    int exit_code;
    const char *container_reason;
};

struct task_past {
    struct task_past *older;
    int64_t until_ms;
    struct task_state state;
};

struct task {
    RB_ENTRY(task) by_arn;      /* in cluster->tasks */
    RB_ENTRY(task) by_instance; /* in instance->tasks */
    UT_hash_handle hh;          /* in cluster->tasks_by_id */
    const char *arn;
    const char *id;
    struct cluster *cluster;
    struct instance *instance;
    struct definition *definition;
    const char *started_by; /* or NULL */
    const char *group;
    json_t *overrides; /* as StartTask got them, or NULL */
    json_t *tags;      /* or NULL */
    bool holds_resources;
    int64_t created_at_ms;
    int64_t created_mono_ms;
    struct task_state now;
    struct task_past *past;
    struct timer timer; /* the next step of its life */
};

/* One transition of a task, for whoever checks what happened. */
struct transition {
    int64_t at_ms;
    int64_t mono_us;
    const char *task;
    const char *instance;
    const char *definition;
    const char *started_by;
    const char *group;
    enum task_status last;
    enum task_status desired;
};

/* ---- the world ------------------------------------------------------------------------------- */

struct world {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the first timer is another one, or the end has come */
    pthread_t keeper;       /* runs the timers */
    bool ending;
    const char *region;
    const char *account;
    struct settings *settings;
    void (*publish)(void *ctx, struct strbuf *event); /* gets each event's body */
    void *publish_ctx;
    struct strbuf event; /* reused */
    struct cluster_tree clusters;
    struct family_tree families;
    struct timers timers;
    struct storm *storms; /* those under way */
    size_t n_instances;
    size_t n_tasks;
    int64_t ec2_ids;
    struct transition *history; /* a ring of HISTORY_MAX */
    uint64_t n_history;         /* ever; the last one's number */
};

#define HISTORY_MAX (1024 * 1024)

/* Begins with an empty world and its own thread for timers. */
void world_init(struct world *world);
void world_clear(struct world *world);
void world_lock(struct world *world);
void world_unlock(struct world *world);
void world_set_timer(struct world *world, struct timer *timer, int64_t delay_ms,
                     void (*fire)(void *ctx, struct timer *timer));
/* The moment, on CLOCK_MONOTONIC, which listings and Describe show. */
int64_t world_seen_ms(const struct world *world);
void world_record(struct world *world, const struct task *task);
/* A new ARN of the type ("task"), in the format that is set. */
const char *world_make_arn(const struct world *world, const char *type,
                           const struct cluster *cluster);

/* By name or ARN; NULL means "default"; NULL when there is none. */
struct cluster *cluster_find(struct world *world, const char *name_or_arn);
struct cluster *cluster_make(struct world *world, const char *name);
struct cluster *cluster_next(struct world *world, const char *after_arn); /* in order of ARN */

/* ---- definitions.c */
struct family *family_next(struct world *world, const char *after); /* in order of name */
/* "family", "family:3" or an ARN; the latest active one without a number. NULL when none. */
struct definition *definition_find(struct world *world, const char *reference);
/* Takes the definition as RegisterTaskDefinition got it, already checked. */
struct definition *definition_make(struct world *world, const json_t *input);
/* True when an attribute which the definition requires is not among these. */
bool definition_lacks(const struct definition *definition, const json_t *attributes);
void families_free(struct world *world);

/* ---- instances.c */
struct instance_spec {
    int cpu;
    int memory;
    bool agent_connected;
    json_t *attributes; /* object of names and values; borrowed */
};
struct instance *instance_make(struct world *world, struct cluster *cluster,
                               const struct instance_spec *spec);
/* By id or ARN within the cluster. */
struct instance *instance_find(struct cluster *cluster, const char *id_or_arn);
struct instance *instance_find_anywhere(struct world *world, const char *arn);
struct instance *instance_next(struct cluster *cluster, const char *after_arn);
/* As Describe shows it now, NULL when it does not show it yet. */
const struct instance_state *instance_seen(const struct world *world, const struct instance *i);
/* Keeps what was for as long as a lagging Describe may show it. Call before each change. */
void instance_will_change(struct world *world, struct instance *instance);
/* One change that ECS reports: the version grows and an event is sent. */
void instance_report(struct world *world, struct instance *instance);
void instance_set_status(struct world *world, struct instance *instance, const char *status);
void instance_set_agent(struct world *world, struct instance *instance, bool connected);
void instance_set_attributes(struct world *world, struct instance *instance, json_t *attributes);
void instance_deregister(struct world *world, struct instance *instance);
void instance_vanish(struct world *world, struct instance *instance);
/* Why the instance cannot take such a task ("RESOURCE:CPU"), or NULL. */
const char *instance_refuses(const struct instance *instance, const struct definition *definition);
void instance_take(struct instance *instance, const struct definition *definition);
void instance_give_back(struct instance *instance, const struct definition *definition);
void instance_free(struct world *world, struct instance *instance);

/* ---- tasks.c */
struct task_spec {
    const char *started_by;
    const char *group;
    json_t *overrides; /* borrowed */
    json_t *tags;      /* borrowed */
};
/* PENDING on the instance, its resources taken, both reported, RUNNING to come. */
struct task *task_start(struct world *world, struct instance *instance,
                        struct definition *definition, const struct task_spec *spec);
/* RUNNING on the instance without taking resources. */
struct task *task_seed(struct world *world, struct instance *instance,
                       struct definition *definition, const struct task_spec *spec, bool report);
/* Desired STOPPED; STOPPED once the containers' stopTimeout is over. */
void task_stop(struct world *world, struct task *task, const char *reason);
/* STOPPED at once. */
struct task_end {
    const char *code;
    const char *reason;
    const char *container_reason;
    int exit_code;
    bool reports_instance;
};
void task_end(struct world *world, struct task *task, const struct task_end *end);
void task_set_health(struct world *world, struct task *task, const char *health);
/* The agent is back: what waited for it goes on. */
void task_resume(struct world *world, struct task *task);
struct task *task_find(struct cluster *cluster, const char *id_or_arn);
struct task *task_find_anywhere(struct world *world, const char *arn);
struct task *task_next(struct cluster *cluster, const char *after_arn);
struct task *task_next_on(struct instance *instance, const char *after_arn);
const struct task_state *task_seen(const struct world *world, const struct task *task);
const char *task_status_name(enum task_status status);
void task_free(struct world *world, struct task *task);
/* The next change of one life, with its event; without a task a new one begins on the instance.
 * Gives the task, NULL when its life is over. */
struct task *task_storm_step(struct world *world, struct task *task, struct instance *instance,
                             struct definition *definition);

/* ---- storm.c */
/*
 * n_events events of whole lives of n_tasks tasks at a time, which take no resources: at once, or
 * with a rate (events a second) over time, beginning now. The cluster has instances. Gives how many
 * tasks will have lived.
 */
size_t storm_begin(struct world *world, struct cluster *cluster, struct definition *definition,
                   size_t n_tasks, size_t n_events, size_t rate);
/* Ends those under way. */
void storms_clear(struct world *world);

#endif
