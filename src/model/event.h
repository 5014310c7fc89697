/*
 * ECS' state change events as EventBridge puts them into a queue. An event is merged into what is
 * stored, because it says less than Describe does.
 */
#ifndef BLOX_MODEL_EVENT_H
#define BLOX_MODEL_EVENT_H

#include <jansson.h>

#include "model/record.h"

/* Why a message can never be applied. */
enum event_flaw {
    EVENT_NOT_JSON,
    EVENT_UNRECOGNIZED, /* some other message: its detail-type is none of ours */
    EVENT_MALFORMED,    /* a member is missing or of the wrong type */
    EVENT_INCOMPLETE,   /* even together with what is stored */
    EVENT_FOREIGN,      /* not ECS', or of another account or region than it says */
};

/* Whose events are wanted; NULL: anybody's. */
struct event_home {
    const char *region;
    const char *account;
};

struct event {
    enum kind kind;      /* KIND_TASK or KIND_INSTANCE */
    int64_t time_ms;     /* when it happened, as the envelope says; 0 when it does not */
    int64_t version;     /* of the task or instance; 0 when ECS said none */
    json_t *detail;      /* canonical, see model/raw.h */
    const char *key;     /* ARN of the task or instance; points into detail, like the next */
    const char *cluster; /* ARN */
};

/*
 * Reads the body of a message. ERR_INVALID: it can never be applied, and the text says why: no
 * JSON, another detail-type, a member of the wrong type, an ARN of another kind, a source other
 * than aws.ecs (nobody but AWS may put events under such a name), an account or region other than
 * its cluster's (EventBridge writes these, whoever sent the event). *flaw is then which sort that
 * is, and nothing otherwise.
 */
struct event *event_parse(const char *body, size_t len, enum event_flaw *flaw,
                          struct error *err) MUST_CHECK;
/* -1: the cluster is of another account or region. */
int event_check_home(const struct event *event, const struct event_home *home,
                     struct error *err) MUST_CHECK;
void event_free(struct event *event);
AUTO_DEFINE(event);

/*
 * What the store should have after the event: it replaces in `stored_raw` (NULL: nothing is stored)
 * what it carries, the rest survives. May be done again with another. ERR_INVALID: the whole still
 * lacks a member which v0.3.0's answers need.
 */
int event_record(const struct event *event, const char *stored_raw, struct record *out,
                 struct error *err) MUST_CHECK;

#endif
