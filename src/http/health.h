/*
 * What /livez and /readyz say: a list of checks, a status, and a text. The same for an API worker,
 * a supervisor and the reconciler.
 */
#ifndef BLOX_HTTP_HEALTH_H
#define BLOX_HTTP_HEALTH_H

#include <stdbool.h>

#include "util/metrics.h"
#include "util/strbuf.h"

#define HEALTH_DEGRADED_MS 5000 /* Redis was not heard of for so long: degraded, still ready */

enum health_state { HEALTH_OK, HEALTH_DEGRADED, HEALTH_FAILED };

struct health {
    enum health_state state; /* the worst of the checks */
    struct strbuf first;     /* what the first check of that state said */
    struct strbuf lines;     /* all of them, for ?verbose */
};
void health_clear(struct health *health);
#define AUTO_HEALTH __attribute__((cleanup(health_clear))) struct health

/* Adds one check; the text says more than the state. */
void health_add(struct health *health, const char *check, enum health_state state, const char *fmt,
                ...) PRINTF(4, 5);
/* Whether a loop that last turned so long ago is none that has stopped. */
bool health_loop_turns(enum metric_loop loop, double age_s);
/* What a slot of the metrics tells; `who` ("worker 0 ", or "") comes before the names of the
 * checks. Its loops: each which ever turned has done so lately, or failed. Its view: loaded or not,
 * and how old it is when Redis is away. */
void health_add_loops(struct health *health, const char *who, size_t slot);
void health_add_view(struct health *health, const char *who, size_t slot);

/* 200, also when degraded, or 503. */
int health_status(const struct health *health);
/* "ok", "degraded: <why>" or "failed: <why>", and a newline; verbose: a line for each check before
 * it. */
void health_write(const struct health *health, bool verbose, struct strbuf *out);
/* The query asks for it: "verbose", with or without a value. */
bool health_wants_verbose(const char *raw_query);

#endif
