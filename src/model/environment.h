/*
 * An environment: the wish for one copy of a task on every container instance of a cluster. It has
 * an immutable id; its name is its key only while it lives.
 *
 * All texts are borrowed, by environment_read from the fields it is given; none is ever NULL after
 * it.
 */
#ifndef BLOX_MODEL_ENVIRONMENT_H
#define BLOX_MODEL_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/kind.h"

#define ENVIRONMENT_NAME_MAX 30

enum environment_status { ENVIRONMENT_ACTIVE, ENVIRONMENT_DELETED };

struct environment {
    const char *cluster;         /* ARN */
    const char *id;              /* UUID */
    const char *name;            /* see environment_name_is_valid */
    const char *task_definition; /* ARN with revision */
    const char *token;           /* the deployment token, a UUID */
    const char *deployment;      /* id of the deployment in force, or "" */
    enum environment_status status;
    int64_t created_at_ms;
    int64_t deleted_at_ms; /* 0 while it lives */
};

/* 1 to 30 of A-Z a-z 0-9 _ -. Source: Blox v0.3.0, daemon-scheduler's swagger file. */
bool environment_name_is_valid(const char *name);

void environment_read(const char *const fields[FIELDS_MAX], struct environment *out);
/* The field line; out is a fresh strbuf. */
void environment_fields(const struct environment *environment, struct strbuf *out);
/* The stored body, one JSON object; out is a fresh strbuf. */
void environment_body(const struct environment *environment, struct strbuf *out);

#endif
