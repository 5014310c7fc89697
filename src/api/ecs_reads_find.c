/* Clusters, tasks and instances the way calls of ECS refer to them. */

#include "api/ecs_reads.h"
#include "model/arn.h"
#include "util/mem.h"

#define INVALID     "InvalidParameterException"
#define ACCOUNT_LEN 12

/* ---- clusters -------------------------------------------------------------------------------- */

struct search {
    const char *reference;
    char *found;
};

static void look_at(void *ctx, const char *cluster_arn)
{
    struct search *search = ctx;
    const char *name = arn_cluster_name(cluster_arn);

    if (!search->found &&
        (streq(search->reference, cluster_arn) || (name && streq(search->reference, name)))) {
        search->found = xstrdup(cluster_arn);
    }
}

char *ecs_find_cluster(struct view *view, const char *reference)
{
    struct search search = {.reference = reference};

    view_clusters(view, look_at, &search);
    return search.found;
}

char *ecs_cluster_status(struct view *view, const char *cluster_arn)
{
    AUTO(entity) *cluster = view_get(view, KIND_CLUSTER, cluster_arn);

    return xstrdup(cluster ? entity_field(cluster, CLUSTER_STATUS) : "ACTIVE");
}

int ecs_input_cluster(struct ecs_call *call, char **arn)
{
    const char *reference = NULL;

    if (ecs_input_text(call, "cluster", &reference) < 0) {
        return -1;
    }
    AUTO_CHAR *found = ecs_find_cluster(call->api->view, reference ? reference : "default");
    AUTO_CHAR *status = found ? ecs_cluster_status(call->api->view, found) : NULL;

    if (!found || streq(status, "MISSING")) {
        return ecs_refuse(call, "ClusterNotFoundException", "Cluster not found.");
    }
    if (!streq(status, "ACTIVE")) {
        return ecs_refuse(call, "ClusterNotFoundException", "The referenced cluster was inactive.");
    }
    *arn = TAKE(found);
    return 0;
}

/* ---- tasks and instances --------------------------------------------------------------------- */

static const char *type_of(enum kind kind)
{
    return kind == KIND_TASK ? "task" : "container-instance";
}

/* "arn:aws:ecs:us-east-1:123456789012" of any cluster's ARN */
static void add_place(const char *cluster_arn, struct strbuf *out)
{
    struct arn arn;

    if (arn_parse(cluster_arn, ARN_CLUSTER, &arn)) {
        strbuf_add(out, cluster_arn, (size_t)(arn.account - cluster_arn) + ACCOUNT_LEN);
    }
}

/* The ARN of an id, with the cluster's name in it or, as until 2018, without. */
static void spell(const char *type, const char *cluster_arn, bool with_cluster, const char *id,
                  struct strbuf *out)
{
    add_place(cluster_arn, out);
    strbuf_addf(out, ":%s/", type);
    if (with_cluster) {
        strbuf_addf(out, "%s/", arn_cluster_name(cluster_arn));
    }
    strbuf_add_text(out, id);
}

static struct entity *get_member(struct view *view, enum kind kind, const char *cluster_arn,
                                 const char *arn)
{
    AUTO(entity) *entity = view_get(view, kind, arn);

    return entity && streq(entity_field(entity, FIELD_CLUSTER), cluster_arn) ? TAKE(entity) : NULL;
}

struct entity *ecs_find_member(struct view *view, enum kind kind, const char *cluster_arn,
                               const char *reference)
{
    struct entity *found = NULL;

    if (strchr(reference, '/')) {
        return get_member(view, kind, cluster_arn, reference);
    }
    for (int with_cluster = 1; !found && with_cluster >= 0; with_cluster--) {
        AUTO_STRBUF arn = {0};

        spell(type_of(kind), cluster_arn, with_cluster, reference, &arn);
        found = get_member(view, kind, cluster_arn, arn.text);
    }
    return found;
}

/* Behind "task/" in an ARN; the whole of any other text. */
static const char *name_in(const char *reference)
{
    const char *colon = strrchr(reference, ':');
    const char *slash = strchr(colon ? colon : reference, '/');

    return colon && slash ? slash + 1 : reference;
}

/* "<id>" or "<cluster>/<id>" */
static int check_member(struct ecs_call *call, enum kind kind, const char *cluster,
                        const char *reference)
{
    const char *name = name_in(reference);
    size_t cluster_len = strcspn(name, "/");
    const char *id = name[cluster_len] ? name + cluster_len + 1 : name;

    if (strchr(id, '/')) {
        return ecs_refuse(call, INVALID, "Invalid identifier: Unexpected number of separators");
    }
    if (id != name &&
        (strlen(cluster) != cluster_len || strncmp(name, cluster, cluster_len) != 0)) {
        return ecs_refuse(call, INVALID,
                          "Invalid identifier: Identifier is for cluster %.*s. Your cluster is %s",
                          (int)cluster_len, name, cluster);
    }
    return arn_id_is_valid(id)
               ? 0
               : ecs_refuse(call, INVALID, "%sId length should be one of [32,36]", kind_name(kind));
}

int ecs_check_members(struct ecs_call *call, enum kind kind, const char *cluster_arn,
                      const json_t *references)
{
    const char *cluster = arn_cluster_name(cluster_arn);
    const json_t *reference;
    size_t i;

    json_array_foreach(references, i, reference)
    {
        if (check_member(call, kind, cluster ? cluster : "", json_string_value(reference)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- what there is not ----------------------------------------------------------------------- */

static void take_first(void *ctx, const char *cluster_arn)
{
    char **first = ctx;

    if (!*first) {
        *first = xstrdup(cluster_arn);
    }
}

static json_t *failure(const char *arn)
{
    return json_pack("{s:s, s:s}", "arn", arn, "reason", "MISSING");
}

json_t *ecs_missing_member(enum kind kind, const char *cluster_arn, const char *reference)
{
    AUTO_STRBUF arn = {0};

    if (strncmp(reference, "arn:", 4) == 0) {
        return failure(reference);
    }
    spell(type_of(kind), cluster_arn, true, reference, &arn);
    return failure(arn.text);
}

/* Its region and account are those of any cluster we know; knowing none, we have only the name. */
json_t *ecs_missing_cluster(struct view *view, const char *reference)
{
    AUTO_CHAR *sibling = NULL;
    AUTO_STRBUF arn = {0};

    view_clusters(view, take_first, &sibling);
    if (strncmp(reference, "arn:", 4) == 0 || !sibling) {
        return failure(reference);
    }
    spell("cluster", sibling, false, reference, &arn);
    return failure(arn.text);
}
