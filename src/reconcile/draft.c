/* Placements, tasks and deployments as operations of a commit. */
#include "reconcile/draft.h"

#include <stdlib.h>

#include "model/record.h"
#include "util/mem.h"

#define TASK_BYTES_TYPICAL 8192 /* generously: fields, body and raw form of one task */

void draft_clear(struct draft *draft)
{
    for (size_t t = 0; t < draft->n_texts; t++) {
        free(draft->texts[t]);
    }
    free(draft->texts);
    draft->texts = NULL;
    draft->n = draft->n_texts = draft->bytes = 0;
}

bool draft_has_room(const struct draft *draft, size_t n)
{
    return draft->n + n <= COMMIT_OPS_MAX &&
           draft->bytes + n * TASK_BYTES_TYPICAL <= DRAFT_BYTES_MAX;
}

/* The text, kept until the draft is cleared; NULL stays NULL. */
static const char *keep(struct draft *draft, char *text)
{
    if (text) {
        draft->texts = xreallocarray(draft->texts, draft->n_texts + 1, sizeof(*draft->texts));
        draft->texts[draft->n_texts++] = text;
        draft->bytes += strlen(text);
    }
    return text;
}

static void add(struct draft *draft, struct commit_op op)
{
    draft->ops[draft->n++] = op;
}

void draft_placement(struct draft *draft, const struct placement *placement, int64_t revision)
{
    struct strbuf key = {0};
    struct strbuf fields = {0};
    struct strbuf body = {0};

    placement_key(placement->environment, placement->instance, &key);
    placement_fields(placement, &fields);
    placement_body(placement, &body);
    add(draft, (struct commit_op){
                   .kind = KIND_PLACEMENT,
                   .key = keep(draft, strbuf_take(&key)),
                   .conditions = revision ? COMMIT_UNCHANGED : COMMIT_ABSENT,
                   .unchanged = revision,
                   .version = "0",
                   .fields = keep(draft, strbuf_take(&fields)),
                   .body = keep(draft, strbuf_take(&body)),
               });
}

bool draft_names_placement(const struct draft *draft, const struct placement *placement)
{
    AUTO_STRBUF key = {0};

    placement_key(placement->environment, placement->instance, &key);
    for (size_t o = 0; o < draft->n; o++) {
        if (draft->ops[o].kind == KIND_PLACEMENT && streq(draft->ops[o].key, key.text)) {
            return true;
        }
    }
    return false;
}

void draft_drop_placement(struct draft *draft, const char *environment_id, const char *instance_arn,
                          int64_t revision)
{
    struct strbuf key = {0};

    placement_key(environment_id, instance_arn, &key);
    add(draft, (struct commit_op){
                   .kind = KIND_PLACEMENT,
                   .key = keep(draft, strbuf_take(&key)),
                   .conditions = COMMIT_UNCHANGED,
                   .unchanged = revision,
                   .version = "0",
               });
}

bool draft_task(struct draft *draft, const json_t *described, const char *cluster_arn)
{
    struct record record = {0};

    if (task_record(described, cluster_arn, &record, NULL) < 0) {
        return false;
    }
    add(draft, (struct commit_op){
                   .kind = KIND_TASK,
                   .key = keep(draft, TAKE(record.key)),
                   .conditions = COMMIT_NEWER,
                   .version = keep(draft, TAKE(record.version)),
                   .fields = keep(draft, TAKE(record.fields)),
                   .body = keep(draft, TAKE(record.body)),
                   .raw = keep(draft, TAKE(record.raw)),
               });
    record_clear(&record);
    return true;
}

void draft_deployment(struct draft *draft, const struct deployment *deployment, int64_t revision)
{
    struct strbuf fields = {0};
    struct strbuf body = {0};
    char key[DEPLOYMENT_KEY_LEN];

    deployment_key(deployment->environment, deployment->id, key);
    deployment_fields(deployment, &fields);
    deployment_body(deployment, &body);
    add(draft, (struct commit_op){
                   .kind = KIND_DEPLOYMENT,
                   .key = keep(draft, xstrdup(key)),
                   .conditions = COMMIT_UNCHANGED,
                   .unchanged = revision,
                   .version = "0",
                   .fields = keep(draft, strbuf_take(&fields)),
                   .body = keep(draft, strbuf_take(&body)),
               });
}

void draft_remove(struct draft *draft, size_t op)
{
    memmove(&draft->ops[op], &draft->ops[op + 1], (draft->n - op - 1) * sizeof(draft->ops[0]));
    draft->n--;
}
