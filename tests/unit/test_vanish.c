/* When what ECS no longer has may be deleted: the table of cases. */
#include "test.h"

#include "plan/vanish.h"
#include "util/attr.h"

#define NOW     1500000000000
#define MINUTES 60000

static const struct {
    const char *name;
    size_t n_instances, n_gone;
    int64_t age_ms;        /* of the entity */
    int64_t missed_ago_ms; /* the first pass that missed it; 0: this one is the first */
    bool want;
} cases[] = {
    {"an old one goes at once", 10, 1, 60 * MINUTES, 0, true},
    {"exactly ten minutes are enough", 10, 1, 10 * MINUTES, 0, true},
    {"a young one stays", 10, 1, 10 * MINUTES - 1, 0, false},
    {"one of the future stays", 10, 1, -5 * MINUTES, 0, false},
    {"a young one goes when two passes agree", 10, 1, 1 * MINUTES, 5 * MINUTES, true},
    {"two passes at one moment are one opinion", 10, 1, 1 * MINUTES, 1, false},
    {"a third is no great loss", 9, 3, 60 * MINUTES, 0, true},
    {"more than a third waits", 9, 4, 60 * MINUTES, 0, false},
    {"more than a third goes when two passes agree", 9, 4, 60 * MINUTES, 5 * MINUTES, true},
    {"a lost cluster of one waits", 1, 1, 60 * MINUTES, 0, false},
    {"an empty cluster holds nothing back", 0, 0, 60 * MINUTES, 0, true},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        const struct vanish_pass pass = {NOW, cases[c].n_instances, cases[c].n_gone};
        int64_t missed_at_ms = cases[c].missed_ago_ms ? NOW - cases[c].missed_ago_ms : 0;

        if (vanish_may_delete(&pass, NOW - cases[c].age_ms, missed_at_ms) != cases[c].want) {
            fail_msg("%s", cases[c].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
