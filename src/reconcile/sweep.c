/* The end of a drift pass: what ECS no longer has is deleted, by the rules of plan/vanish.h. */
#include "reconcile/sweep.h"

#include <stdlib.h>

#include "plan/vanish.h"
#include "reconcile/batch.h"
#include "util/log.h"
#include "util/mem.h"

void missed_forget(struct missed **missed)
{
    struct missed *one, *next;

    HASH_ITER(hh, *missed, one, next)
    {
        HASH_DEL(*missed, one);
        free(one);
    }
}

static void remember(struct missed **missed, const char *arn, int64_t at_ms)
{
    size_t len = strlen(arn);
    struct missed *one = xcalloc(1, sizeof(*one) + len + 1);

    memcpy(one->arn, arn, len);
    one->at_ms = at_ms;
    HASH_ADD_STR(*missed, arn, one);
}

static bool is_gone(const struct sweep *sweep, const struct entity *entity)
{
    return json_object_get(sweep->gone, entity->key) != NULL;
}

/* Instances which left in order are INACTIVE first: their end is no loss. */
static struct vanish_pass measure_loss(const struct sweep *sweep)
{
    struct vanish_pass loss = {.began_ms = sweep->began_ms};

    for (size_t i = 0; i < sweep->instances->n; i++) {
        const struct entity *instance = sweep->instances->items[i];

        if (!streq(entity_field(instance, INSTANCE_STATUS), "INACTIVE")) {
            loss.n_instances++;
            loss.n_gone += is_gone(sweep, instance);
        }
    }
    if (vanish_is_doubtful(&loss)) {
        log_warn("drift.doubtful", "cluster=%s instances=%zu gone=%zu", sweep->cluster,
                 loss.n_instances, loss.n_gone);
    }
    return loss;
}

static int delete_one(const struct entity *entity, struct batch *batch, struct error *err)
{
    struct batch_op op = {
        .record = {.kind = entity->kind,
                   .key = xstrdup(entity->key),
                   .version = xstrdup(entity->version)},
        .conditions = COMMIT_UNCHANGED,
        .unchanged = entity->revision,
    };

    return batch_add(batch, &op, err);
}

/* Those of one kind; `after` takes what has to wait. */
static int sweep_list(const struct sweep *sweep, const struct entity_list *stored,
                      const struct vanish_pass *loss, struct missed *before, struct missed **after,
                      struct batch *batch, struct error *err)
{
    for (size_t i = 0; i < stored->n; i++) {
        const struct entity *entity = stored->items[i];
        struct missed *first = NULL;

        if (!is_gone(sweep, entity)) {
            continue;
        }
        HASH_FIND_STR(before, entity->key, first);
        if (!vanish_may_delete(loss, entity->at_ms, first ? first->at_ms : 0)) {
            remember(after, entity->key, first ? first->at_ms : sweep->began_ms);
        } else if (delete_one(entity, batch, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static void count_applied(void *ctx, void *item, enum commit_op_result result)
{
    (void)item;
    *(int64_t *)ctx += result == COMMIT_APPLIED;
}

int sweep_gone(const struct sweep *sweep, struct missed **missed, int64_t *deleted, int64_t *held,
               struct error *err)
{
    AUTO_BATCH batch = {
        .store = sweep->store,
        .cause = "drift",
        .lease_token = sweep->lease_token,
        .done = count_applied,
        .ctx = deleted,
    };
    const struct vanish_pass loss = measure_loss(sweep);
    struct missed *after = NULL;

    if (sweep_list(sweep, sweep->instances, &loss, *missed, &after, &batch, err) < 0 ||
        sweep_list(sweep, sweep->tasks, &loss, *missed, &after, &batch, err) < 0 ||
        batch_flush(&batch, err) < 0) {
        missed_forget(&after);
        return -1;
    }
    *held += HASH_COUNT(after);
    missed_forget(missed);
    *missed = after;
    return 0;
}
