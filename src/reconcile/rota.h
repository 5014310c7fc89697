/*
 * The rota: which cluster is due for a drift pass. Each has a time of its own, so that neither a
 * large cluster nor one that fails holds up another. No I/O and no clock: all times are given, in
 * milliseconds of the monotonic clock; the caller locks.
 */
#ifndef BLOX_RECONCILE_ROTA_H
#define BLOX_RECONCILE_ROTA_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "reconcile/sweep.h"

#define ROTA_RETRY_MS       15000 /* after a pass that failed */
#define ROTA_REQUEST_GAP_MS 1000  /* from a pass to the next of the same cluster by request */
#define ROTA_BUDGET_PERCENT 20    /* of the read budget, which passes take on average at most */

struct rota_cluster {
    UT_hash_handle hh;
    struct missed *missed; /* what its passes remember; the running pass' alone */
    int64_t tenure;        /* of the lease, in which that was learnt */
    int64_t due_ms;
    int64_t asked_ms;           /* when a pass was asked for which has not begun; -1: none was */
    int64_t began_ms, ended_ms; /* the last pass */
    int64_t passed_ms;          /* when the last one that was completed began */
    int64_t reads;              /* calls the last one took */
    bool running;
    bool listed; /* by ECS' ListClusters */
    char arn[];
};

struct rota {
    struct rota_cluster *clusters;
    int64_t tenure;
    int64_t round_ms;    /* see rota_round_is_over */
    int64_t interval_ms; /* wanted, between the beginnings of two passes of a cluster */
    double reads_per_s;  /* the budget */
};

void rota_clear(struct rota *rota);

/* The lease was taken: everything is due, and nothing is remembered. */
void rota_begin_tenure(struct rota *rota, int64_t now_ms);
/* Found, or made: then it is due. */
struct rota_cluster *rota_know(struct rota *rota, const char *arn);
bool rota_knows(const struct rota *rota, const char *arn);
/* Forgets it; not while it is running. */
void rota_forget(struct rota *rota, struct rota_cluster *cluster);
/* A pass that begins after now, of one cluster (made where it is unknown) or of all (NULL). */
void rota_ask(struct rota *rota, const char *arn, int64_t now_ms);

/* The cluster to pass now: what was asked for comes first, then what is due longest. It is running
 * from then on, until rota_end. NULL: none. */
struct rota_cluster *rota_begin(struct rota *rota, int64_t now_ms);
void rota_end(struct rota *rota, struct rota_cluster *cluster, bool completed, int64_t reads,
              int64_t now_ms);
/* Whether all clusters have been passed since this was last true, or since the tenure began. */
bool rota_round_is_over(struct rota *rota, int64_t now_ms);
/* Whether rota_begin would give one. */
bool rota_has_work(const struct rota *rota, int64_t now_ms);
/* The interval, stretched so that all passes together keep within their share of the budget. */
int64_t rota_interval_ms(const struct rota *rota);

#endif
