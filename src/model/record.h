/*
 * A task or container instance the way the store wants it: made from what ECS said, be it an event,
 * Describe's answer or StartTask's.
 */
#ifndef BLOX_MODEL_RECORD_H
#define BLOX_MODEL_RECORD_H

#include <jansson.h>

#include "model/kind.h"
#include "util/attr.h"
#include "util/error.h"

/* Of a record's texts together. ECS says some tens of KB; what is more could not be committed, and
 * would hold up whatever it is committed with. */
#define RECORD_BYTES_MAX (768 * 1024)

struct record {
    enum kind kind;
    char *key;     /* ARN */
    char *version; /* ECS' own, decimal; "0" where it gave none */
    char *fields;  /* the field line of model/kind.h */
    char *body;    /* v0.3.0's `entity`, ready for the wire */
    char *raw;     /* canonical form of what ECS said, see model/raw.h */
};

void record_clear(struct record *record); /* frees the texts; the struct is the caller's */
#define AUTO_RECORD __attribute__((cleanup(record_clear))) struct record

/*
 * From one task or container instance as DescribeTasks, StartTask, StopTask or
 * DescribeContainerInstances gives it (times are seconds since the epoch). cluster_arn is the
 * cluster it was asked of; instances do not name theirs.
 *
 * ERR_INVALID says which member is missing or wrong, or that it is too large: such an entity is
 * skipped, never stored.
 */
int task_record(const json_t *described, const char *cluster_arn, struct record *out,
                struct error *err) MUST_CHECK;
int instance_record(const json_t *described, const char *cluster_arn, struct record *out,
                    struct error *err) MUST_CHECK;
/* The same from a canonical raw form, which it takes. */
int record_from_raw(enum kind kind, json_t *raw, struct record *out, struct error *err) MUST_CHECK;

#endif
