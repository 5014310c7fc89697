/* Operations on their way into the store, cut into commits which fit its limits. */
#include "reconcile/batch.h"

#include <stdlib.h>

#include "util/mem.h"

#define BYTES_MAX (COMMIT_BYTES_MAX / 4 * 3) /* room for what the store adds to each */
#define OP_BYTES  256                        /* ... of which we count so much */

static size_t text_len(const char *text)
{
    return text ? strlen(text) : 0;
}

static size_t op_bytes(const struct batch_op *op)
{
    const struct record *record = &op->record;

    return OP_BYTES + text_len(record->key) + text_len(record->version) + text_len(record->fields) +
           text_len(record->body) + text_len(record->raw);
}

void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        record_clear(&batch->ops[i].record);
    }
    free(batch->ops);
    batch->ops = NULL;
    batch->n = 0;
    batch->bytes = 0;
}

/* One commit of everything; result has an entry for each operation. */
static int commit_all(struct batch *batch, struct commit_result *result, struct error *err)
{
    struct commit_op *ops = xcalloc(batch->n, sizeof(*ops));
    struct commit commit = {
        .cause = batch->cause,
        .lease_token = batch->lease_token,
        .ops = ops,
        .n_ops = batch->n,
    };

    for (size_t i = 0; i < batch->n; i++) {
        const struct batch_op *op = &batch->ops[i];

        ops[i] = (struct commit_op){
            .kind = op->record.kind,
            .key = op->record.key,
            .conditions = op->conditions,
            .unchanged = op->unchanged,
            .since = op->since,
            .version = op->record.version,
            .fields = op->record.fields,
            .body = op->record.body,
            .raw = op->record.raw,
        };
    }
    commit_id_make(commit.id);
    int outcome = store_commit(batch->store, &commit, result, err);

    free(ops);
    return outcome;
}

static int flush(struct batch *batch, struct error *err)
{
    struct commit_result *result = xmalloc(sizeof(*result));
    int outcome = commit_all(batch, result, err);

    if (outcome == 0 && result->outcome == COMMIT_NO_LEASE) {
        outcome = error_set(err, ERR_CONFLICT, "the lease is somebody else's");
    } else if (outcome == 0 && result->outcome != COMMIT_DONE) {
        outcome = error_set(err, ERR_INTERNAL, "a commit which cannot conflict did");
    }
    for (size_t i = 0; outcome == 0 && batch->done && i < batch->n; i++) {
        batch->done(batch->ctx, batch->ops[i].item, result->ops[i].result);
    }
    free(result);
    return outcome;
}

int batch_flush(struct batch *batch, struct error *err)
{
    int outcome = batch->n > 0 ? flush(batch, err) : 0;

    batch_clear(batch);
    return outcome;
}

int batch_add(struct batch *batch, const struct batch_op *op, struct error *err)
{
    size_t bytes = op_bytes(op);
    int outcome = 0;

    if (batch->n == COMMIT_OPS_MAX || (batch->n > 0 && batch->bytes + bytes > BYTES_MAX)) {
        outcome = batch_flush(batch, err);
    }
    if (!batch->ops) {
        batch->ops = xcalloc(COMMIT_OPS_MAX, sizeof(*batch->ops));
    }
    batch->ops[batch->n++] = *op;
    batch->bytes += bytes;
    return outcome;
}
