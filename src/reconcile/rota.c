/* The rota: which cluster is due for a drift pass. */
#include "reconcile/rota.h"

#include <stdlib.h>

#include "util/mem.h"

void rota_forget(struct rota *rota, struct rota_cluster *cluster)
{
    HASH_DEL(rota->clusters, cluster);
    missed_forget(&cluster->missed);
    free(cluster);
}

void rota_clear(struct rota *rota)
{
    struct rota_cluster *cluster, *next;

    HASH_ITER(hh, rota->clusters, cluster, next)
    {
        rota_forget(rota, cluster);
    }
}

void rota_begin_tenure(struct rota *rota, int64_t now_ms)
{
    struct rota_cluster *cluster, *next;

    rota->tenure++;
    rota->round_ms = now_ms;
    HASH_ITER(hh, rota->clusters, cluster, next)
    {
        cluster->due_ms = 0;
        cluster->asked_ms = -1;
    }
}

struct rota_cluster *rota_know(struct rota *rota, const char *arn)
{
    struct rota_cluster *cluster = NULL;
    size_t len = strlen(arn);

    HASH_FIND_STR(rota->clusters, arn, cluster);
    if (!cluster) {
        cluster = xcalloc(1, sizeof(*cluster) + len + 1);
        cluster->asked_ms = -1;
        cluster->tenure = rota->tenure;
        memcpy(cluster->arn, arn, len);
        HASH_ADD_STR(rota->clusters, arn, cluster);
    }
    return cluster;
}

bool rota_knows(const struct rota *rota, const char *arn)
{
    struct rota_cluster *cluster = NULL;

    HASH_FIND_STR(rota->clusters, arn, cluster);
    return cluster;
}

void rota_ask(struct rota *rota, const char *arn, int64_t now_ms)
{
    struct rota_cluster *cluster, *next;

    if (arn) {
        rota_know(rota, arn)->asked_ms = now_ms;
        return;
    }
    HASH_ITER(hh, rota->clusters, cluster, next)
    {
        cluster->asked_ms = now_ms;
    }
}

/* ---- what is next ---------------------------------------------------------------------------- */

static bool is_asked(const struct rota_cluster *cluster, int64_t now_ms)
{
    return cluster->asked_ms >= 0 &&
           (cluster->ended_ms == 0 || now_ms - cluster->ended_ms >= ROTA_REQUEST_GAP_MS);
}

static bool comes_before(const struct rota_cluster *a, const struct rota_cluster *b, int64_t now_ms)
{
    if (is_asked(a, now_ms) != is_asked(b, now_ms)) {
        return is_asked(a, now_ms);
    }
    return is_asked(a, now_ms) ? a->asked_ms < b->asked_ms : a->due_ms < b->due_ms;
}

static struct rota_cluster *find_next(const struct rota *rota, int64_t now_ms)
{
    struct rota_cluster *cluster, *next;
    struct rota_cluster *first = NULL;

    HASH_ITER(hh, rota->clusters, cluster, next)
    {
        if (!cluster->running && (cluster->due_ms <= now_ms || is_asked(cluster, now_ms)) &&
            (!first || comes_before(cluster, first, now_ms))) {
            first = cluster;
        }
    }
    return first;
}

bool rota_has_work(const struct rota *rota, int64_t now_ms)
{
    return find_next(rota, now_ms) != NULL;
}

struct rota_cluster *rota_begin(struct rota *rota, int64_t now_ms)
{
    struct rota_cluster *cluster = find_next(rota, now_ms);

    if (!cluster) {
        return NULL;
    }
    if (cluster->tenure != rota->tenure) { /* opinions of another tenure are nobody's */
        missed_forget(&cluster->missed);
        cluster->tenure = rota->tenure;
    }
    cluster->running = true;
    cluster->asked_ms = -1;
    cluster->began_ms = now_ms;
    return cluster;
}

/* ---- when it is due again -------------------------------------------------------------------- */

static int64_t afford_ms(const struct rota *rota, int64_t reads)
{
    return (int64_t)((double)reads * 1000 * 100 / (rota->reads_per_s * ROTA_BUDGET_PERCENT));
}

int64_t rota_interval_ms(const struct rota *rota)
{
    struct rota_cluster *cluster, *next;
    int64_t reads = 1; /* ListClusters */

    HASH_ITER(hh, rota->clusters, cluster, next)
    {
        reads += cluster->reads;
    }
    int64_t stretched_ms = afford_ms(rota, reads);

    return stretched_ms > rota->interval_ms ? stretched_ms : rota->interval_ms;
}

/* A failure is tried again sooner, but what it cost counts. */
static int64_t retry_ms(const struct rota *rota, int64_t reads)
{
    int64_t retry_ms =
        rota->interval_ms < ROTA_RETRY_MS ? rota->interval_ms : (int64_t)ROTA_RETRY_MS;
    int64_t cost_ms = afford_ms(rota, reads);

    return cost_ms > retry_ms ? cost_ms : retry_ms;
}

void rota_end(struct rota *rota, struct rota_cluster *cluster, bool completed, int64_t reads,
              int64_t now_ms)
{
    cluster->running = false;
    cluster->ended_ms = now_ms;
    cluster->reads = reads;
    if (cluster->tenure != rota->tenure) {
        return; /* it is due */
    }
    cluster->due_ms =
        completed ? cluster->began_ms + rota_interval_ms(rota) : now_ms + retry_ms(rota, reads);
    if (completed) {
        cluster->passed_ms = cluster->began_ms;
    } else {
        cluster->listed = false; /* it may have been deleted: ask */
    }
}

bool rota_round_is_over(struct rota *rota, int64_t now_ms)
{
    struct rota_cluster *cluster, *next;

    HASH_ITER(hh, rota->clusters, cluster, next)
    {
        if (cluster->passed_ms < rota->round_ms) {
            return false;
        }
    }
    rota->round_ms = now_ms;
    return true;
}
