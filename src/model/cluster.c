/* A cluster as drift sees it. */
#include "model/cluster.h"

#include "util/js.h"

void cluster_fields(const struct cluster *cluster, struct strbuf *out)
{
    fields_add(out, cluster->arn);
    fields_add(out, cluster->status);
    fields_add_int(out, cluster->synced_revision);
    fields_add_int(out, cluster->synced_at_ms);
}

void cluster_body(const struct cluster *cluster, struct strbuf *out)
{
    strbuf_add_char(out, '{');
    js_write_key(out, "clusterArn");
    js_write_string(out, cluster->arn);
    js_write_key(out, "status");
    js_write_string(out, cluster->status);
    js_write_key(out, "syncedRevision");
    strbuf_add_int(out, cluster->synced_revision);
    js_write_key(out, "syncedAtMs");
    strbuf_add_int(out, cluster->synced_at_ms);
    strbuf_add_char(out, '}');
}
