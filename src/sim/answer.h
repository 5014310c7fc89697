/* What an operation of the simulated AWS gets and gives: JSON in, JSON out, or an error in AWS'
 * words. The query protocol is a translation around it (sim/query.h). */
#ifndef BLOX_SIM_ANSWER_H
#define BLOX_SIM_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/emit.h"
#include "util/attr.h"

struct server_request;

struct refusal {
    int status;       /* HTTP; 0: none */
    const char *code; /* "ClusterNotFoundException", static */
    char text[512];
};

struct call {
    const json_t *input;
    const struct server_request *request;
    struct emit out; /* the operation writes one object */
    struct refusal refusal;
};

/* Always -1, so that `return refuse(...)` works. 400 is the status of nearly everything. */
int refuse(struct call *call, const char *code, const char *fmt, ...) PRINTF(3, 4);
int refuse_as(struct call *call, int status, const char *code, const char *fmt, ...) PRINTF(4, 5);

/* Reading the input: what is absent gives the default; what has another type is refused with
 * SerializationException, as AWS does. NULL stands for absent texts. */
int input_text(struct call *call, const char *key, const char **out) MUST_CHECK;
int input_need_text(struct call *call, const char *key, const char **out) MUST_CHECK;
int input_int(struct call *call, const char *key, int64_t fallback, int64_t *out) MUST_CHECK;
int input_bool(struct call *call, const char *key, bool fallback, bool *out) MUST_CHECK;
/* An array of texts with `min` to `max` elements; NULL when absent (and min is 0). */
int input_texts(struct call *call, const char *key, size_t min, size_t max,
                const json_t **out) MUST_CHECK;
/* An array of objects. */
int input_objects(struct call *call, const char *key, size_t min, size_t max,
                  const json_t **out) MUST_CHECK;

#endif
