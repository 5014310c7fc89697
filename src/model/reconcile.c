/* A wish for a drift pass. */
#include "model/reconcile.h"

#include "util/js.h"

#define ALL "all" /* no ARN */

const char *reconcile_key(const struct reconcile *reconcile)
{
    return *reconcile->cluster ? reconcile->cluster : ALL;
}

void reconcile_fields(const struct reconcile *reconcile, struct strbuf *out)
{
    fields_add(out, reconcile->cluster);
}

void reconcile_body(const struct reconcile *reconcile, struct strbuf *out)
{
    strbuf_add_char(out, '{');
    js_write_key(out, "clusterArn");
    js_write_string(out, reconcile->cluster);
    strbuf_add_char(out, '}');
}
