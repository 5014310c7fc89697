/* The Redis keys of each kind. */
#include "store/keys.h"

static const struct {
    const char *values;
    const char *raw;
} keys[KIND_COUNT] = {
    [KIND_TASK] = {"{blox}:task", "{blox}:raw:task"},
    [KIND_INSTANCE] = {"{blox}:instance", "{blox}:raw:instance"},
    [KIND_CLUSTER] = {"{blox}:cluster", "{blox}:raw:cluster"},
    [KIND_ENVIRONMENT] = {"{blox}:environment", "{blox}:raw:environment"},
    [KIND_DEPLOYMENT] = {"{blox}:deployment", "{blox}:raw:deployment"},
    [KIND_PLACEMENT] = {"{blox}:placement", "{blox}:raw:placement"},
    [KIND_RECONCILE] = {"{blox}:reconcile", "{blox}:raw:reconcile"},
};

const char *key_of_kind(enum kind kind)
{
    return keys[kind].values;
}

const char *key_of_raw(enum kind kind)
{
    return keys[kind].raw;
}
