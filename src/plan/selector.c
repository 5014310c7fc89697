/* Asks a compiled cluster query about one container instance. */
#include "plan/selector.h"

#include <stdlib.h>
#include <string.h>

#include "model/version.h"
#include "plan/selector_literal.h"
#include "plan/selector_tree.h"

/* ---- one value ------------------------------------------------------------------------------- */

/* `order` is how the value compares to the argument: below, at or above 0. */
static bool order_suits(enum selector_op op, int order)
{
    switch (op) {
    case OP_EQUALS:
        return order == 0;
    case OP_NOT_EQUALS:
        return order != 0;
    case OP_LESS:
        return order < 0;
    case OP_LESS_EQUAL:
        return order <= 0;
    case OP_GREATER:
        return order > 0;
    case OP_GREATER_EQUAL:
        return order >= 0;
    default:
        return false;
    }
}

static bool integer_suits(const struct selector_test *test, int64_t value)
{
    return order_suits(test->op, (value > test->integer) - (value < test->integer));
}

static bool is_listed(const struct selector_test *test, const char *value)
{
    for (size_t v = 0; v < test->n_values; v++) {
        if (streq(test->values[v], value)) {
            return true;
        }
    }
    return false;
}

static bool text_order_suits(const struct selector_test *test, const char *value)
{
    bool is_equality = test->op == OP_EQUALS || test->op == OP_NOT_EQUALS;
    double number = 0;

    if (is_equality || !test->is_number) {
        return order_suits(test->op, strcmp(value, test->values[0]));
    }
    return selector_number(value, &number) &&
           order_suits(test->op, (number > test->number) - (number < test->number));
}

static bool text_suits(const struct selector_test *test, const char *value, int64_t *steps)
{
    switch (test->op) {
    case OP_IN:
        return is_listed(test, value);
    case OP_NOT_IN:
        return !is_listed(test, value);
    case OP_MATCHES:
        return regex_match(test->pattern, value, steps) == REGEX_MATCH;
    case OP_NOT_MATCHES:
        return regex_match(test->pattern, value, steps) == REGEX_NO_MATCH;
    case OP_EXISTS:
        return true;
    case OP_NOT_EXISTS:
        return false;
    default:
        return text_order_suits(test, value);
    }
}

/* ---- one comparison -------------------------------------------------------------------------- */

/* The next value, from *i on, of a subject which may have several; NULL after the last. */
static const char *next_text(const struct selector_test *test,
                             const struct selector_subject *subject, size_t *i)
{
    while (test->field == FIELD_ATTRIBUTE && *i < subject->n_attributes) {
        const struct selector_attribute *attribute = &subject->attributes[(*i)++];

        if (streq(attribute->name, test->attribute)) {
            return attribute->value ? attribute->value : "";
        }
    }
    while (test->field == FIELD_TASK_GROUP && *i < subject->n_task_groups) {
        const char *group = subject->task_groups[(*i)++];

        if (group) {
            return group;
        }
    }
    return NULL;
}

static bool any_text_suits(const struct selector_test *test, const struct selector_subject *subject)
{
    size_t i = 0;
    const char *value = next_text(test, subject, &i);

    if (!value) {
        return test->op == OP_NOT_EXISTS;
    }
    for (; value; value = next_text(test, subject, &i)) {
        if (text_suits(test, value, subject->steps)) {
            return true;
        }
    }
    return false;
}

static bool version_suits(const struct selector_test *test, const char *version)
{
    return version && version_is_valid(version) &&
           order_suits(test->op, version_compare(version, test->values[0]));
}

static bool test_suits(const struct selector_test *test, const struct selector_subject *subject)
{
    int64_t at_ms = subject->registered_at_ms;

    switch (test->field) {
    case FIELD_ATTRIBUTE:
    case FIELD_TASK_GROUP:
        return any_text_suits(test, subject);
    case FIELD_EC2_INSTANCE_ID:
        return subject->ec2_instance_id &&
               text_suits(test, subject->ec2_instance_id, subject->steps);
    case FIELD_AGENT_CONNECTED:
        return text_suits(test, subject->agent_connected ? "true" : "false", subject->steps);
    case FIELD_AGENT_VERSION:
        return version_suits(test, subject->agent_version);
    case FIELD_REGISTERED_AT:
        return at_ms > 0 && integer_suits(test, at_ms - at_ms % test->unit_ms);
    case FIELD_RUNNING_TASKS_COUNT:
        return integer_suits(test, subject->running_tasks_count);
    }
    return false;
}

/* ---- the expression -------------------------------------------------------------------------- */

static bool node_suits(const struct selector_node *node, const struct selector_subject *subject)
{
    switch (node->kind) {
    case NODE_TEST:
        return test_suits(&node->test, subject);
    case NODE_NOT:
        return !node_suits(node->left, subject);
    case NODE_AND:
        return node_suits(node->left, subject) && node_suits(node->right, subject);
    case NODE_OR:
        return node_suits(node->left, subject) || node_suits(node->right, subject);
    }
    return false;
}

bool selector_matches(const struct selector *selector, const struct selector_subject *subject)
{
    return node_suits(selector->root, subject);
}

bool selector_reads_tasks(const struct selector *selector)
{
    return selector->reads_tasks;
}

void selector_node_free(struct selector_node *node)
{
    if (!node) {
        return;
    }
    selector_node_free(node->left);
    selector_node_free(node->right);
    for (size_t v = 0; v < node->test.n_values; v++) {
        free(node->test.values[v]);
    }
    free(node->test.values);
    free(node->test.attribute);
    regex_free(node->test.pattern);
    free(node);
}

void selector_free(struct selector *selector)
{
    if (!selector) {
        return;
    }
    selector_node_free(selector->root);
    free(selector);
}
