/* Failed placements, by deployment. */
#include "api/failures.h"

#include <stdlib.h>
#include <uthash.h>

#include "model/placement.h"
#include "util/mem.h"
#include "util/uuid.h"

struct failed {
    char deployment[UUID_LEN];
    UT_hash_handle hh;
};

struct failures {
    struct failed *set;
};

static void add_placement(void *ctx, const struct entity *entity)
{
    struct failures *failures = ctx;
    struct placement placement;
    struct failed *failed = NULL;

    placement_read(entity->fields, &placement);
    if (!placement_failed(&placement) || failures_has(failures, placement.deployment)) {
        return;
    }
    failed = xcalloc(1, sizeof(*failed));
    snprintf(failed->deployment, sizeof(failed->deployment), "%s", placement.deployment);
    HASH_ADD_STR(failures->set, deployment, failed);
}

void list_placements(struct view *view, const char *environment_id, struct entity_list *out)
{
    AUTO_STRBUF prefix = {0};

    placement_key(environment_id, "", &prefix);
    view_list_prefix(view, KIND_PLACEMENT, prefix.text, out);
}

struct failures *failures_find(struct view *view, const char *environment_id)
{
    struct failures *failures = xcalloc(1, sizeof(*failures));
    AUTO_ENTITY_LIST list = {0};

    if (!environment_id) {
        view_each(view, KIND_PLACEMENT, NULL, add_placement, failures);
        return failures;
    }
    list_placements(view, environment_id, &list);
    for (size_t i = 0; i < list.n; i++) {
        add_placement(failures, list.items[i]);
    }
    return failures;
}

bool failures_has(const struct failures *failures, const char *deployment_id)
{
    struct failed *found = NULL;

    HASH_FIND_STR(failures->set, deployment_id, found);
    return found;
}

void failures_free(struct failures *failures)
{
    struct failed *failed = NULL;
    struct failed *next = NULL;

    if (!failures) {
        return;
    }
    HASH_ITER(hh, failures->set, failed, next)
    {
        HASH_DEL(failures->set, failed);
        free(failed);
    }
    free(failures);
}
