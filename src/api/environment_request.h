/* What a client sends to create an environment, and v0.3.0's complaints about it. */
#ifndef BLOX_API_ENVIRONMENT_REQUEST_H
#define BLOX_API_ENVIRONMENT_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "util/strbuf.h"

struct environment_request {
    json_t *json;                /* what the texts are borrowed from */
    const char *name;            /* valid */
    const char *cluster;         /* name or ARN as given; "" when the group names none */
    const char *task_definition; /* family, family:revision or ARN as given; may be "" */
};

/* False with the whole text of the 400 in `complaint`. */
bool environment_request_parse(const char *body, size_t len, struct environment_request *out,
                               struct strbuf *complaint);
void environment_request_clear(struct environment_request *request);

#endif
