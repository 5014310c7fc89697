/*
 * Any bytes as a cluster query: either it is refused, with a message and a caret at the same place
 * of it, or its answers obey logic.
 */
#include "fuzz.h"

#include <string.h>

#include "plan/selector.h"
#include "util/mem.h"
#include "util/utf8.h"

static const struct selector_attribute attributes[] = {
    {"a", "1"},
    {"b", NULL},
    {"stack", "prod"},
    {"ecs.instance-type", "t2.small"},
    {"long", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab!"},
    {"broken", "\xc3\xff"},
};
static const char *const groups[] = {"service:web", NULL, "family:cron"};

static const struct selector_subject subjects[] = {
    {0},
    {
        .attributes = attributes,
        .n_attributes = ARRAY_LEN(attributes),
        .agent_connected = true,
        .agent_version = "1.14.5-rc1+abc",
        .ec2_instance_id = "i-1",
        .registered_at_ms = 1529360908250,
        .running_tasks_count = 3,
        .task_groups = groups,
        .n_task_groups = ARRAY_LEN(groups),
    },
    {.agent_version = "odd",
     .ec2_instance_id = "",
     .registered_at_ms = 1,
     .task_groups = groups,
     .n_task_groups = 1},
};

/* One line of UTF-8. */
static void require_line(const char *text)
{
    for (size_t len = 0; *text != '\0'; text += len) {
        len = utf8_len(text, UTF8_LEN_MAX);
        REQUIRE(len > 0);
        REQUIRE((unsigned char)*text >= ' ' && *text != '\x7f');
    }
}

static void check_fault(const struct error *err, struct strbuf *caret)
{
    unsigned column = 0;
    char *second = strchr(caret->text, '\n');

    REQUIRE(err->code == ERR_INVALID);
    require_line(err->text);
    REQUIRE(sscanf(err->text, "column %u: ", &column) == 1);
    REQUIRE(second);
    *second++ = '\0';
    require_line(caret->text);
    REQUIRE(strlen(second) == column);
    REQUIRE(strspn(second, " ") == column - 1);
    REQUIRE(second[column - 1] == '^');
}

/* Puts the expression into a larger one and compares; that one may break a limit, nothing else. */
static void check_within(const char *before, const char *text, const char *after, bool negates,
                         const struct selector *selector)
{
    AUTO_CHAR *larger = xasprintf("%s%s%s", before, text, after);
    struct error err = {0};
    AUTO(selector) *other = selector_parse(larger, &err);

    if (!other) {
        REQUIRE(strstr(err.text, "at most") || strstr(err.text, "deeper"));
        return;
    }
    for (size_t s = 0; s < ARRAY_LEN(subjects); s++) {
        REQUIRE(selector_matches(other, &subjects[s]) ==
                (selector_matches(selector, &subjects[s]) != negates));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    AUTO_CHAR *text = xmemdup0((const char *)data, len);
    AUTO_CHAR *twice = xasprintf(") && (%s)", text);
    struct error err = {0};
    AUTO(selector) *selector = selector_parse(text, &err);
    AUTO_STRBUF caret = {0};

    selector_caret(text, &caret);
    if (!selector) {
        check_fault(&err, &caret);
        return 0;
    }
    REQUIRE(caret.len == 0);
    check_within("not (", text, ")", true, selector);
    check_within("agentConnected in [true] and agentConnected == false or ", text, "", false,
                 selector);
    check_within("(", text, twice, false, selector);
    return 0;
}
