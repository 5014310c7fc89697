/*
 * Which container instances are meant: ECS' cluster query language. Pure; compiled once, then asked
 * for any number of instances by any number of threads.
 *
 *     attribute:ecs.instance-type =~ g2.* and not (task:group == database)
 *
 * `or` binds weaker than `and`, `and` weaker than `not`; || && ! are the same. What is not quoted
 * ends at white space or one of ( ) [ ] , ' " = ! < > ~ or && or ||; in quotes, single or double,
 * everything stands for itself. A pattern keeps its own parentheses, brackets and symbols without
 * quotes, too. Case matters throughout.
 *
 *     subject             value                     operators
 *     attribute:NAME      text, "" when it has none all
 *     task:group          text, one for each task   all
 *     ec2InstanceId       text                      == != in !in =~ !~
 *     agentConnected      true or false             == != in !in =~ !~
 *     agentVersion        1.14.5                    == != < <= > >=
 *     registeredAt        a date, UTC by default    == != < <= > >=
 *     runningTasksCount   a whole number            == != < <= > >=
 *
 * A comparison holds when the subject has a value for which it holds. So an instance without the
 * attribute matches neither `attribute:stack == prod` nor `attribute:stack != prod`, but it matches
 * `not (attribute:stack == prod)`; and `task:group != a` asks for a task of another group,
 * `not (task:group == a)` for none of this group.
 *
 * == and `in` compare texts byte by byte. < and its like compare numbers when the argument is one
 * (a text which is none then does not match), and bytes otherwise. =~ must match the whole text.
 * registeredAt is compared to the second unless the argument has a fraction; a day is its first
 * second.
 *
 * Source: ECS Developer Guide, "Create expressions to define container instances for Amazon ECS
 * tasks"; what it leaves open is said in docs/query-language.md.
 */
#ifndef BLOX_PLAN_SELECTOR_H
#define BLOX_PLAN_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/attr.h"
#include "util/error.h"
#include "util/strbuf.h"

#define SELECTOR_LEN_MAX      2000 /* bytes of an expression; ECS' own limit in characters */
#define SELECTOR_DEPTH_MAX    32   /* parentheses and nots within each other */
#define SELECTOR_LIST_MAX     256  /* values of one list */
#define SELECTOR_PATTERNS_MAX 8    /* regular expressions, each with the limits of util/regex.h */

struct selector; /* compiled, immutable; opaque, see selector_parse */

/* ERR_INVALID tells where and what: `column 16: want an operator after "attribute:stack"`. Columns
 * are characters, the first is 1. */
struct selector *selector_parse(const char *text, struct error *err) MUST_CHECK;
void selector_free(struct selector *selector);
AUTO_DEFINE(selector);

/*
 * Adds the fault of an expression which selector_parse refused, as two lines (no newline after the
 * second): the expression on one line, and a ^ below the column. Nothing when there is no fault.
 */
void selector_caret(const char *text, struct strbuf *out);

/* Whether tasks matter: a change of the instance's tasks may change the answer. */
bool selector_reads_tasks(const struct selector *selector);

struct selector_attribute {
    const char *name;
    const char *value; /* NULL: it has none */
};

/* What is known about one instance; everything is borrowed. */
struct selector_subject {
    const struct selector_attribute *attributes;
    size_t n_attributes;
    bool agent_connected;
    const char *agent_version;   /* NULL: unknown */
    const char *ec2_instance_id; /* NULL: none */
    int64_t registered_at_ms;    /* 0: unknown */
    int64_t running_tasks_count;
    const char *const *task_groups; /* of the tasks there; may repeat, NULL for a task without */
    size_t n_task_groups;
    int64_t *steps; /* of its regular expressions, see regex_match; NULL: without a budget */
};

/* Allocates nothing, but see regex_match. A pattern too hard for the limits matches neither =~ nor
 * !~; when *subject->steps is below 0 afterwards, that may be said of one for want of budget. */
bool selector_matches(const struct selector *selector, const struct selector_subject *subject);

#endif
