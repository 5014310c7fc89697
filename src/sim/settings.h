/* What can be set while the simulator runs; read by every thread. */
#ifndef BLOX_SIM_SETTINGS_H
#define BLOX_SIM_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct settings {
    _Atomic int64_t latency_ms;      /* of ECS' calls */
    _Atomic int64_t sqs_latency_ms;  /* of SQS' calls */
    _Atomic int64_t listing_lag_ms;  /* how old List's and Describe's truth is */
    _Atomic int64_t start_delay_ms;  /* PENDING to RUNNING */
    _Atomic int64_t stop_timeout_ms; /* StopTask to STOPPED; -1: as the task definition says */
    _Atomic int64_t integration_timeout_ms; /* how long the gateway waits for the function */
    _Atomic int64_t function_timeout_ms;    /* how long the function may take */
    atomic_bool binary_bodies;              /* the gateway's binaryMediaTypes are all there are */
    atomic_bool decoded_paths;              /* the gateway decodes the path of its events */
    atomic_bool quotas;                     /* ECS' token buckets */
    atomic_bool auto_health;                /* health checks pass by themselves */
    atomic_bool old_arns;                   /* without the cluster's name */
};

#endif
