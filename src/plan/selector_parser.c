/* Compiles a cluster query, by recursive descent, and says where it is wrong. */
#include "plan/selector.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan/selector_column.h"
#include "plan/selector_lexer.h"
#include "plan/selector_literal.h"
#include "plan/selector_tree.h"
#include "util/mem.h"

#define QUOTED_LEN_MAX 40 /* bytes of the expression that a message repeats */

struct parser {
    const char *text;
    struct selector_token last; /* taken */
    struct selector_token now;  /* not yet */
    size_t depth;
    size_t n_patterns;
    bool reads_tasks;
    const char *fault; /* where in the text; NULL while all is well */
    struct error *err;
};

/* ---- the language's tables ------------------------------------------------------------------- */

#define BIT(op)        (1U << (op))
#define TAKES_EQUALITY (BIT(OP_EQUALS) | BIT(OP_NOT_EQUALS))
#define TAKES_ORDER                                                                                \
    (TAKES_EQUALITY | BIT(OP_LESS) | BIT(OP_LESS_EQUAL) | BIT(OP_GREATER) | BIT(OP_GREATER_EQUAL))
#define TAKES_NAMES                                                                                \
    (TAKES_EQUALITY | BIT(OP_IN) | BIT(OP_NOT_IN) | BIT(OP_MATCHES) | BIT(OP_NOT_MATCHES))
#define TAKES_ALL (TAKES_ORDER | TAKES_NAMES | BIT(OP_EXISTS) | BIT(OP_NOT_EXISTS))

#define ATTRIBUTE_PREFIX "attribute:"

static const struct field {
    const char *name; /* NULL: see ATTRIBUTE_PREFIX */
    enum selector_field field;
    unsigned takes;
    bool reads_tasks;
} fields[] = {
    {NULL, FIELD_ATTRIBUTE, TAKES_ALL, false},
    {"task:group", FIELD_TASK_GROUP, TAKES_ALL, true},
    {"ec2InstanceId", FIELD_EC2_INSTANCE_ID, TAKES_NAMES, false},
    {"agentConnected", FIELD_AGENT_CONNECTED, TAKES_NAMES, false},
    {"agentVersion", FIELD_AGENT_VERSION, TAKES_ORDER, false},
    {"registeredAt", FIELD_REGISTERED_AT, TAKES_ORDER, false},
    {"runningTasksCount", FIELD_RUNNING_TASKS_COUNT, TAKES_ORDER, true},
};

static const struct spelling {
    const char *symbol;
    const char *word;
    enum selector_op op;
} operators[] = {
    {"==", "equals", OP_EQUALS},
    {"!=", "not_equals", OP_NOT_EQUALS},
    {"<", "less_than", OP_LESS},
    {"<=", "less_than_equal", OP_LESS_EQUAL},
    {">", "greater_than", OP_GREATER},
    {">=", "greater_than_equal", OP_GREATER_EQUAL},
    {"in", "in", OP_IN},
    {"!in", "not_in", OP_NOT_IN},
    {"=~", "matches", OP_MATCHES},
    {"!~", "not_matches", OP_NOT_MATCHES},
    {"exists", "exists", OP_EXISTS},
    {"!exists", "not_exists", OP_NOT_EXISTS},
};

/* ---- faults ---------------------------------------------------------------------------------- */

static PRINTF(3, 4) int fault(struct parser *p, const char *at, const char *fmt, ...)
{
    char why[sizeof(p->err->text)];
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    p->fault = at;
    return error_set(p->err, ERR_INVALID, "column %zu: %s", selector_column(p->text, at), why);
}

/* The token which comes next is not what the grammar wants. */
static PRINTF(2, 3) int unexpected(struct parser *p, const char *fmt, ...)
{
    char want[sizeof(p->err->text)];
    va_list args;

    if (p->now.kind == TOKEN_UNCLOSED) {
        return fault(p, p->now.at, "want the other %c on this line", *p->now.at);
    }
    va_start(args, fmt);
    vsnprintf(want, sizeof(want), fmt, args);
    va_end(args);
    return fault(p, p->now.at, "want %s", want);
}

struct excerpt {
    char text[QUOTED_LEN_MAX + sizeof("\"...\"")];
};

/* A token as messages repeat it: in quotes, cut when it is long. */
static struct excerpt excerpt(const struct selector_token *token)
{
    struct excerpt out;
    bool is_quoted = token->kind == TOKEN_QUOTED;
    const char *text = token->at + is_quoted;
    size_t all = token->len - (is_quoted ? 2 : 0);
    size_t len = 0;

    while (len < all && len + selector_step(text + len) <= QUOTED_LEN_MAX) {
        len += selector_step(text + len);
    }
    snprintf(out.text, sizeof(out.text), "\"%.*s%s\"", (int)len, text, len < all ? "..." : "");
    return out;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void advance(struct parser *p)
{
    p->last = p->now;
    p->now = selector_token_find(p->now.at + p->now.len);
}

static bool next_is(const struct parser *p, const char *text)
{
    return selector_token_is(&p->now, text);
}

static bool accept(struct parser *p, const char *text)
{
    if (!next_is(p, text)) {
        return false;
    }
    advance(p);
    return true;
}

static int enter(struct parser *p)
{
    if (++p->depth > SELECTOR_DEPTH_MAX) {
        return fault(p, p->last.at, "nested deeper than %d", SELECTOR_DEPTH_MAX);
    }
    return 0;
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* Takes one value, of whatever field; it stands in p->last then. */
static int take_value(struct parser *p)
{
    struct excerpt before = excerpt(&p->last);

    if (next_is(p, "and") || next_is(p, "or") || next_is(p, "not")) {
        return unexpected(p, "a value after %s; %s is one only in quotes", before.text,
                          excerpt(&p->now).text);
    }
    if (p->now.kind != TOKEN_WORD && p->now.kind != TOKEN_QUOTED) {
        return unexpected(p, "a value after %s", before.text);
    }
    advance(p);
    return 0;
}

static int parse_value(struct parser *p, struct selector_test *test)
{
    if (take_value(p) < 0) {
        return -1;
    }
    AUTO_CHAR *value = selector_token_value(&p->last);
    const char *wanted = selector_literal_read(value, test);

    if (wanted) {
        return fault(p, p->last.at, "want %s", wanted);
    }
    test->values = xreallocarray(test->values, test->n_values + 1, sizeof(*test->values));
    test->values[test->n_values++] = TAKE(value);
    return 0;
}

static int parse_list(struct parser *p, struct selector_test *test)
{
    struct excerpt before = excerpt(&p->last);

    if (!accept(p, "[")) {
        return unexpected(p, "a list after %s: [a, b]", before.text);
    }
    do {
        if (test->n_values == SELECTOR_LIST_MAX) {
            return fault(p, p->now.at, "a list has at most %d values", SELECTOR_LIST_MAX);
        }
        if (parse_value(p, test) < 0) {
            return -1;
        }
    } while (accept(p, ","));
    if (!accept(p, "]")) {
        return unexpected(p, "\",\" or \"]\" after %s", excerpt(&p->last).text);
    }
    return 0;
}

static int parse_pattern(struct parser *p, struct selector_test *test)
{
    p->now = selector_pattern_find(p->now.at);
    if (take_value(p) < 0) {
        return -1;
    }
    AUTO_CHAR *pattern = selector_token_value(&p->last);
    const char *begin = p->last.at + (p->last.kind == TOKEN_QUOTED);
    const char *java_only = strstr(pattern, "&&"); /* which PCRE2 would take for two letters */
    struct error why = {0};
    size_t at = 0;

    if (++p->n_patterns > SELECTOR_PATTERNS_MAX) {
        return fault(p, begin, "an expression has at most %d patterns", SELECTOR_PATTERNS_MAX);
    }
    if (java_only) {
        return fault(p, begin + (java_only - pattern), "pattern: && is not supported");
    }
    test->pattern = regex_compile(pattern, &at, &why);
    return test->pattern ? 0 : fault(p, begin + at, "pattern: %s", why.text);
}

static int parse_argument(struct parser *p, struct selector_test *test)
{
    switch (test->op) {
    case OP_EXISTS:
    case OP_NOT_EXISTS:
        return 0;
    case OP_IN:
    case OP_NOT_IN:
        return parse_list(p, test);
    case OP_MATCHES:
    case OP_NOT_MATCHES:
        return parse_pattern(p, test);
    default:
        return parse_value(p, test);
    }
}

/* ---- comparisons ----------------------------------------------------------------------------- */

static const struct field *find_field(const struct selector_token *token)
{
    size_t prefix_len = strlen(ATTRIBUTE_PREFIX);

    if (token->kind == TOKEN_WORD && token->len >= prefix_len &&
        strncmp(token->at, ATTRIBUTE_PREFIX, prefix_len) == 0) {
        return &fields[0];
    }
    for (size_t f = 1; f < ARRAY_LEN(fields); f++) {
        if (selector_token_is(token, fields[f].name)) {
            return &fields[f];
        }
    }
    return NULL;
}

static const struct field *parse_subject(struct parser *p, struct selector_test *test)
{
    const struct field *field = find_field(&p->now);

    if (!field) {
        unexpected(p, "a subject: attribute:NAME, task:group, ec2InstanceId, agentConnected, "
                      "agentVersion, registeredAt or runningTasksCount");
        return NULL;
    }
    advance(p);
    if (field->field == FIELD_ATTRIBUTE) {
        AUTO_CHAR *word = selector_token_value(&p->last);

        test->attribute = xstrdup(word + strlen(ATTRIBUTE_PREFIX));
        if (test->attribute[0] == '\0') {
            fault(p, p->last.at + p->last.len, "want a name after \"" ATTRIBUTE_PREFIX "\"");
            return NULL;
        }
    }
    test->field = field->field;
    p->reads_tasks |= field->reads_tasks;
    return field;
}

static int refuse_operator(struct parser *p, const struct field *field)
{
    AUTO_STRBUF takes = {0};

    for (size_t o = 0; o < ARRAY_LEN(operators); o++) {
        if (field->takes & BIT(operators[o].op)) {
            strbuf_addf(&takes, " %s", operators[o].symbol);
        }
    }
    return fault(p, p->now.at, "%s takes only%s", field->name, takes.text);
}

static int parse_operator(struct parser *p, const struct field *field, struct selector_test *test)
{
    for (size_t o = 0; o < ARRAY_LEN(operators); o++) {
        if (next_is(p, operators[o].symbol) || next_is(p, operators[o].word)) {
            if (!(field->takes & BIT(operators[o].op))) {
                return refuse_operator(p, field);
            }
            test->op = operators[o].op;
            advance(p);
            return 0;
        }
    }
    return unexpected(p, "an operator after %s", excerpt(&p->last).text);
}

static struct selector_node *parse_test(struct parser *p)
{
    AUTO(selector_node) *node = xcalloc(1, sizeof(*node));
    const struct field *field = parse_subject(p, &node->test);

    if (!field || parse_operator(p, field, &node->test) < 0 || parse_argument(p, &node->test) < 0) {
        return NULL;
    }
    return TAKE(node);
}

/* ---- and, or, not ---------------------------------------------------------------------------- */

/* Takes both; right may be NULL. */
static struct selector_node *join(enum selector_node_kind kind, struct selector_node *left,
                                  struct selector_node *right)
{
    struct selector_node *node = xcalloc(1, sizeof(*node));

    node->kind = kind;
    node->left = left;
    node->right = right;
    return node;
}

/* After a whole comparison or a closing parenthesis. */
static int want_connective(struct parser *p, const char *or_else)
{
    struct excerpt before = excerpt(&p->last);
    bool may_be_value = p->now.kind != TOKEN_END && p->last.kind == TOKEN_WORD;

    return unexpected(p, "\"and\", \"or\" or %s after %s%s", or_else, before.text,
                      may_be_value ? "; a value with spaces or ()[],=!<>~ needs quotes" : "");
}

static struct selector_node *parse_or(struct parser *p);

static struct selector_node *parse_unary(struct parser *p)
{
    AUTO(selector_node) *inner = NULL;

    if (accept(p, "not") || accept(p, "!")) {
        inner = enter(p) < 0 ? NULL : parse_unary(p);
        p->depth--;
        return inner ? join(NODE_NOT, TAKE(inner), NULL) : NULL;
    }
    if (!accept(p, "(")) {
        return parse_test(p);
    }
    inner = enter(p) < 0 ? NULL : parse_or(p);
    p->depth--;
    if (inner && !accept(p, ")")) {
        want_connective(p, "\")\"");
        return NULL;
    }
    return TAKE(inner);
}

static struct selector_node *parse_and(struct parser *p)
{
    AUTO(selector_node) *left = parse_unary(p);

    while (left && (accept(p, "and") || accept(p, "&&"))) {
        struct selector_node *right = parse_unary(p);

        if (!right) {
            return NULL;
        }
        left = join(NODE_AND, left, right);
    }
    return TAKE(left);
}

static struct selector_node *parse_or(struct parser *p)
{
    AUTO(selector_node) *left = parse_and(p);

    while (left && (accept(p, "or") || accept(p, "||"))) {
        struct selector_node *right = parse_and(p);

        if (!right) {
            return NULL;
        }
        left = join(NODE_OR, left, right);
    }
    return TAKE(left);
}

/* ---- the expression -------------------------------------------------------------------------- */

/* *fault_at says where, when it fails. */
static struct selector *parse(const char *text, const char **fault_at, struct error *err)
{
    struct parser p = {.text = text, .now = {.at = text}, .err = err};
    AUTO(selector) *selector = xcalloc(1, sizeof(*selector));
    const char *why = NULL;
    const char *misfit = selector_misfit(text, &why);

    if (misfit) {
        fault(&p, misfit, "%s", why);
    } else {
        advance(&p);
        selector->root = parse_or(&p);
    }
    if (selector->root && p.now.kind != TOKEN_END) {
        want_connective(&p, "the end");
    }
    selector->reads_tasks = p.reads_tasks;
    *fault_at = p.fault;
    return p.fault ? NULL : TAKE(selector);
}

struct selector *selector_parse(const char *text, struct error *err)
{
    const char *fault_at = NULL;

    return parse(text, &fault_at, err);
}

void selector_caret(const char *text, struct strbuf *out)
{
    const char *fault_at = NULL;
    AUTO(selector) *fine = parse(text, &fault_at, NULL);

    if (!fine) {
        selector_point(text, fault_at, out);
    }
}
