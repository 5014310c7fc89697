/*
 * The kinds of entity the store keeps, and the fields of each which filters and the planner read.
 *
 * A stored entity has a key, a version, one line of fields (tab separated, in the order below;
 * backslash, tab and newline in a value are written \\ \t \n) and a body (JSON which readers never
 * parse). The first field of every kind is the ARN of the cluster it belongs to: the commit counts
 * changes per (kind, cluster) by it and the view groups by it. New fields go to the end of a list;
 * removing or reordering one raises STORE_FORMAT.
 * What an older program stored lacks the newer fields until the entity's next event or drift pass,
 * whose commits replace a field line that is not what they would write.
 */
#ifndef BLOX_MODEL_KIND_H
#define BLOX_MODEL_KIND_H

#include <stdbool.h>

#include "util/strbuf.h"

#define STORE_FORMAT 1

enum kind {
    KIND_TASK,        /* key: task ARN */
    KIND_INSTANCE,    /* key: container instance ARN */
    KIND_CLUSTER,     /* key: cluster ARN */
    KIND_ENVIRONMENT, /* key: name while it lives, then its id */
    KIND_DEPLOYMENT,  /* key: <environment id>/<deployment id> */
    KIND_PLACEMENT,   /* key: <environment id>/<container instance ARN> */
    KIND_RECONCILE,   /* key: cluster ARN or "all"; see model/reconcile.h */
    KIND_COUNT,
};

#define FIELD_CLUSTER 0 /* of every kind */
#define FIELDS_MAX    16

enum task_field {
    TASK_CLUSTER,        /* ARN */
    TASK_INSTANCE,       /* container instance ARN; "" on Fargate */
    TASK_DEFINITION,     /* ARN with revision */
    TASK_LAST_STATUS,    /* as ECS spells it: PENDING, RUNNING, STOPPED, ... */
    TASK_DESIRED_STATUS, /* RUNNING or STOPPED */
    TASK_STARTED_BY,     /* or "" */
    TASK_GROUP,          /* or "" */
    TASK_HEALTH,         /* healthStatus: HEALTHY, UNHEALTHY, UNKNOWN or "" */
    TASK_CREATED_AT_MS,  /* or "" */
    TASK_STARTED_AT_MS,  /* or "" */
    TASK_STOPPED_AT_MS,  /* or "" */
    TASK_STOPPED_REASON, /* or ""; stopCode and reason, for people */
    TASK_LAUNCH_TYPE,    /* EC2, FARGATE, EXTERNAL or "" */
    TASK_FIELDS,
};

enum instance_field {
    INSTANCE_CLUSTER,          /* ARN */
    INSTANCE_STATUS,           /* ACTIVE, DRAINING, INACTIVE, REGISTERING, ... */
    INSTANCE_AGENT_CONNECTED,  /* "1" or "0" */
    INSTANCE_EC2_ID,           /* or "" */
    INSTANCE_REGISTERED_AT_MS, /* or "": an event does not say */
    INSTANCE_AGENT_VERSION,    /* versionInfo.agentVersion, or "" */
    INSTANCE_ATTRIBUTES,       /* one a line: name=value, or name alone; or "" */
    INSTANCE_FIELDS,
};

enum cluster_field {
    CLUSTER_ARN,
    CLUSTER_STATUS,
    CLUSTER_SYNCED_REVISION, /* the store's revision when the last completed drift pass began */
    CLUSTER_SYNCED_AT_MS,    /* Redis' time when that pass was completed */
    CLUSTER_FIELDS,
};

enum environment_field {
    ENVIRONMENT_CLUSTER, /* ARN */
    ENVIRONMENT_ID,      /* UUID; never changes, never comes back */
    ENVIRONMENT_NAME,
    ENVIRONMENT_TASK_DEFINITION, /* ARN with revision */
    ENVIRONMENT_TOKEN,           /* deployment token, a UUID */
    ENVIRONMENT_DEPLOYMENT,      /* id of the deployment in force, or "" */
    ENVIRONMENT_STATUS,          /* active or deleted */
    ENVIRONMENT_CREATED_AT_MS,
    ENVIRONMENT_DELETED_AT_MS, /* or "" */
    ENVIRONMENT_FIELDS,
};

enum deployment_field {
    DEPLOYMENT_CLUSTER,         /* ARN */
    DEPLOYMENT_ENVIRONMENT,     /* environment id */
    DEPLOYMENT_ID,              /* UUID; startedBy of its tasks */
    DEPLOYMENT_TASK_DEFINITION, /* ARN with revision */
    DEPLOYMENT_TOKEN,           /* the environment's token it was made with */
    DEPLOYMENT_STATUS,          /* pending, running or completed */
    DEPLOYMENT_CREATED_AT_MS,
    DEPLOYMENT_COMPLETED_AT_MS, /* or "" */
    DEPLOYMENT_FIELDS,
};

enum placement_field {
    PLACEMENT_CLUSTER,     /* ARN */
    PLACEMENT_ENVIRONMENT, /* environment id */
    PLACEMENT_INSTANCE,    /* container instance ARN */
    PLACEMENT_STATE,       /* starting, placed, stopping or waiting */
    PLACEMENT_DEPLOYMENT,  /* id of the deployment which acted last here */
    PLACEMENT_TASKS,       /* ARNs of our tasks here, comma separated, or "" */
    PLACEMENT_LEASE,       /* token of the lease under which it was written */
    PLACEMENT_REASON,      /* reason code of the last failure, or "" */
    PLACEMENT_FAILURES,    /* failures in a row, "0" when none */
    PLACEMENT_RETRY_AT_MS, /* not before, Redis' time; "0" when at once */
    PLACEMENT_AT_MS,       /* Redis' time the state was entered */
    PLACEMENT_FIELDS,
};

enum reconcile_field {
    RECONCILE_CLUSTER, /* ARN; "": all */
    RECONCILE_FIELDS,
};

/* "task", "instance", ...: the word in Redis keys, log entries and messages. */
const char *kind_name(enum kind kind);
/* False when there is no such kind. */
bool kind_parse(const char *name, enum kind *out);

/* Adds one value to a field line, with the tab before it unless it is the first (line is then a
 * fresh strbuf, {0}). NULL counts as "". */
void fields_add(struct strbuf *line, const char *value);
void fields_add_int(struct strbuf *line, int64_t value);
/*
 * Splits a field line in place: line is cut up and unescaped, out points into it. Missing fields
 * are "" and surplus ones are dropped, so that programs of neighbouring versions read each other.
 */
void fields_split(char *line, const char *out[FIELDS_MAX]);

#endif
