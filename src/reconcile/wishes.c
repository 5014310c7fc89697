/* Wishes for drift passes, which find their way to the lease holder through the store. */
#include "reconcile/wishes.h"

#include "model/reconcile.h"
#include "reconcile/batch.h"
#include "util/mem.h"

int wish_leave(struct store *store, const char *cluster_arn, struct error *err)
{
    const struct reconcile wish = {.cluster = cluster_arn ? cluster_arn : ""};
    AUTO_BATCH batch = {.store = store, .cause = "drift"};
    struct batch_op op = {.record = {.kind = KIND_RECONCILE,
                                     .key = xstrdup(reconcile_key(&wish)),
                                     .version = xstrdup("0")}};
    AUTO_STRBUF fields = {0}, body = {0};

    reconcile_fields(&wish, &fields);
    reconcile_body(&wish, &body);
    op.record.fields = strbuf_take(&fields);
    op.record.body = strbuf_take(&body);
    return batch_add(&batch, &op, err) < 0 ? -1 : batch_flush(&batch, err);
}

struct taking {
    void (*each)(void *ctx, const char *cluster_arn);
    void *ctx;
};

static void taken(void *ctx, void *item, enum commit_op_result result)
{
    const struct taking *taking = ctx;
    const char *cluster = entity_field(item, RECONCILE_CLUSTER);

    if (result == COMMIT_APPLIED) {
        taking->each(taking->ctx, *cluster ? cluster : NULL);
    }
}

int wishes_take(struct store *store, struct view *view, const char *lease_token,
                void (*each)(void *ctx, const char *cluster_arn), void *ctx, struct error *err)
{
    struct taking taking = {each, ctx};
    AUTO_ENTITY_LIST wishes = {0};
    AUTO_BATCH batch = {
        .store = store,
        .cause = "drift",
        .lease_token = lease_token,
        .done = taken,
        .ctx = &taking,
    };

    view_list(view, KIND_RECONCILE, NULL, &wishes);
    for (size_t i = 0; i < wishes.n; i++) {
        struct batch_op op = {
            .record = {.kind = KIND_RECONCILE,
                       .key = xstrdup(wishes.items[i]->key),
                       .version = xstrdup("0")},
            .conditions = COMMIT_UNCHANGED,
            .unchanged = wishes.items[i]->revision,
            .item = wishes.items[i],
        };

        if (batch_add(&batch, &op, err) < 0) {
            return -1;
        }
    }
    return batch_flush(&batch, err);
}
