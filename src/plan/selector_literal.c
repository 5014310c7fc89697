/* What the text of a value means depends on the field it is compared to. */
#include "plan/selector_literal.h"

#include <stdlib.h>
#include <string.h>

#include "model/version.h"
#include "util/clock.h"
#include "util/mem.h"

#define DIGITS           "0123456789"
#define COUNT_DIGITS_MAX 18 /* which always fit an int64_t */

bool selector_number(const char *text, double *out)
{
    size_t sign = *text == '-' || *text == '+';
    size_t whole = strspn(text + sign, DIGITS);
    const char *rest = text + sign + whole;
    size_t fraction = *rest == '.' ? strspn(rest + 1, DIGITS) : 0;

    if (whole == 0 || rest[fraction > 0 ? 1 + fraction : 0] != '\0') {
        return false;
    }
    *out = strtod(text, NULL);
    return true;
}

static bool read_count(const char *text, int64_t *out)
{
    size_t len = strspn(text, DIGITS);

    if (len == 0 || len > COUNT_DIGITS_MAX || text[len] != '\0') {
        return false;
    }
    *out = strtoll(text, NULL, 10);
    return true;
}

/* No for 2018-02-31, which the C library takes as the 3rd of March. */
static bool day_exists(const char *text)
{
    AUTO_CHAR *midnight = xasprintf("%.10sT00:00:00Z", text);
    char again[CLOCK_ISO_LEN] = "";
    int64_t at_ms = 0;

    if (!clock_parse_iso(midnight, &at_ms)) {
        return false;
    }
    clock_format_iso_ms(at_ms, again);
    return strncmp(text, again, strlen("2018-06-18")) == 0;
}

/* 2018-06-18, with or without a time, that with or without a zone. */
static bool read_date(const char *text, int64_t *at_ms)
{
    AUTO_CHAR *with_zone = xasprintf("%sZ", text);
    AUTO_CHAR *with_time = xasprintf("%sT00:00:00Z", text);

    return day_exists(text) && (clock_parse_iso(text, at_ms) || clock_parse_iso(with_zone, at_ms) ||
                                clock_parse_iso(with_time, at_ms));
}

const char *selector_literal_read(const char *value, struct selector_test *test)
{
    switch (test->field) {
    case FIELD_ATTRIBUTE:
    case FIELD_TASK_GROUP:
        test->is_number = selector_number(value, &test->number);
        return NULL;
    case FIELD_EC2_INSTANCE_ID:
        return NULL;
    case FIELD_AGENT_CONNECTED:
        return streq(value, "true") || streq(value, "false") ? NULL : "true or false";
    case FIELD_AGENT_VERSION:
        return version_is_valid(value) ? NULL : "a version like 1.14.5";
    case FIELD_REGISTERED_AT:
        test->unit_ms = strchr(value, '.') ? 1 : 1000;
        return read_date(value, &test->integer) ? NULL
                                                : "a date like 2018-06-18 or 2018-06-18T22:28:28Z";
    case FIELD_RUNNING_TASKS_COUNT:
        return read_count(value, &test->integer) ? NULL : "a whole number";
    }
    return NULL;
}
