/*
 * The local AWS: ECS, SQS and the events between them, on one port with the API that controls it;
 * and, where asked for, API Gateway with a Lambda function behind it, on two more.
 * docs/awssim.md is its manual.
 */
#ifndef BLOX_SIM_SIM_H
#define BLOX_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "util/attr.h"
#include "util/error.h"

struct sim;

struct sim_options {
    const char *listen; /* "127.0.0.1:PORT" */
    const char *region;
    const char *account; /* 12 digits */
    const char *queue;   /* where ECS' events go */
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token; /* NULL: none is asked for */
    int64_t start_delay_ms;
    int64_t stop_timeout_ms; /* -1: as task definitions say */
    bool old_arns;
    const char *gateway_listen;     /* NULL: no API Gateway */
    const char *runtime_api_listen; /* where its function polls; NULL with gateway_listen only */
    const char *gateway_stage;
};

/* Texts are borrowed. Errors: ERR_INVALID, ERR_UNAVAILABLE (the port is in use). */
struct sim *sim_open(const struct sim_options *options, struct error *err) MUST_CHECK;
void sim_free(struct sim *sim);
AUTO_DEFINE(sim);
int sim_port(const struct sim *sim);
int sim_gateway_port(const struct sim *sim); /* 0: there is none; the same for the next */
int sim_runtime_api_port(const struct sim *sim);

#endif
