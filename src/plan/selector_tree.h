/* What a cluster query compiles to: the parser builds it, selector_matches walks it. */
#ifndef BLOX_PLAN_SELECTOR_TREE_H
#define BLOX_PLAN_SELECTOR_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/attr.h"
#include "util/regex.h"

enum selector_field {
    FIELD_ATTRIBUTE,
    FIELD_TASK_GROUP,
    FIELD_EC2_INSTANCE_ID,
    FIELD_AGENT_CONNECTED,
    FIELD_AGENT_VERSION,
    FIELD_REGISTERED_AT,
    FIELD_RUNNING_TASKS_COUNT,
};

enum selector_op {
    OP_EQUALS,
    OP_NOT_EQUALS,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_IN,
    OP_NOT_IN,
    OP_MATCHES,
    OP_NOT_MATCHES,
    OP_EXISTS,
    OP_NOT_EXISTS,
};

enum selector_node_kind { NODE_TEST, NODE_NOT, NODE_AND, NODE_OR };

/* One comparison: subject, operator, argument. */
struct selector_test {
    enum selector_field field;
    enum selector_op op;
    char *attribute; /* its name; NULL for the other fields */
    char **values;   /* one, or those of a list; none for patterns */
    size_t n_values;
    struct regex *pattern; /* of =~ and !~ */
    bool is_number;        /* the value of a text field is one: */
    double number;
    int64_t integer; /* registeredAt: milliseconds; runningTasksCount: tasks */
    int64_t unit_ms; /* registeredAt: what it is compared to */
};

struct selector_node {
    enum selector_node_kind kind;
    struct selector_node *left; /* also the one of NODE_NOT */
    struct selector_node *right;
    struct selector_test test; /* of NODE_TEST */
};

struct selector {
    struct selector_node *root;
    bool reads_tasks;
};

void selector_node_free(struct selector_node *node);
AUTO_DEFINE(selector_node);

#endif
