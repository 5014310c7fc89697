/* Which cluster is passed when: the rota's rules, a row a step. */
#include "test.h"

#include "reconcile/rota.h"

#define INTERVAL_MS 300000

static struct rota fresh(void)
{
    return (struct rota){.interval_ms = INTERVAL_MS, .reads_per_s = 20};
}

/* The name of who is next, who then is running. */
static const char *next(struct rota *rota, int64_t now_ms)
{
    struct rota_cluster *cluster = rota_begin(rota, now_ms);

    return cluster ? cluster->arn : "nobody";
}

static void end(struct rota *rota, const char *arn, bool completed, int64_t reads, int64_t now_ms)
{
    rota_end(rota, rota_know(rota, arn), completed, reads, now_ms);
}

static void test_everybody_has_a_turn_and_nobody_two_at_once(void **state)
{
    struct rota rota = fresh();

    (void)state;
    rota_know(&rota, "a");
    rota_know(&rota, "b");
    const char *first = next(&rota, 1000);
    const char *second = next(&rota, 1000);

    assert_string_not_equal(first, second);
    assert_string_equal(next(&rota, 1000), "nobody");
    end(&rota, "a", true, 5, 2000);
    assert_string_equal(next(&rota, 2000), "nobody");
    assert_string_equal(next(&rota, 1000 + INTERVAL_MS - 1), "nobody");
    assert_string_equal(next(&rota, 1000 + INTERVAL_MS), "a"); /* b is slow: its own affair */
    rota_clear(&rota);
}

static void test_a_request_goes_first_and_is_never_lost(void **state)
{
    struct rota rota = fresh();

    (void)state;
    rota_know(&rota, "a");
    rota_know(&rota, "b");
    rota_ask(&rota, "new", 500);
    assert_string_equal(next(&rota, 500), "new");
    rota_ask(&rota, "new", 600); /* while it is running: the pass may have been there already */
    end(&rota, "new", true, 5, 700);
    assert_string_not_equal(next(&rota, 700), "new"); /* not at once again ... */
    assert_string_not_equal(next(&rota, 700), "new");
    assert_false(rota_has_work(&rota, 700 + ROTA_REQUEST_GAP_MS - 1));
    assert_true(rota_has_work(&rota, 700 + ROTA_REQUEST_GAP_MS)); /* ... but soon */
    assert_string_equal(next(&rota, 700 + ROTA_REQUEST_GAP_MS), "new");
    rota_clear(&rota);
}

static void test_a_failure_is_tried_again_soon(void **state)
{
    struct rota rota = fresh();

    (void)state;
    rota_know(&rota, "a")->listed = true;
    assert_string_equal(next(&rota, 1000), "a");
    end(&rota, "a", false, 1, 1500);
    assert_false(rota_know(&rota, "a")->listed); /* it may be gone: ask */
    assert_false(rota_has_work(&rota, 1500 + ROTA_RETRY_MS - 1));
    assert_string_equal(next(&rota, 1500 + ROTA_RETRY_MS), "a");
    rota_clear(&rota);
}

/* 602 calls of 20 a second are 30.1 s; a fifth of the budget on average: 150.5 s. */
static void test_the_interval_is_what_the_budget_allows(void **state)
{
    struct rota rota = {.interval_ms = 60000, .reads_per_s = 20};

    (void)state;
    rota_know(&rota, "a");
    assert_int_equal(rota_interval_ms(&rota), 60000);
    assert_string_equal(next(&rota, 0), "a");
    end(&rota, "a", true, 601, 30000);
    assert_int_equal(rota_interval_ms(&rota), 150500);
    assert_false(rota_has_work(&rota, 150499));
    assert_true(rota_has_work(&rota, 150500));
    rota_clear(&rota);
}

static void test_a_new_tenure_begins_anew(void **state)
{
    struct rota rota = fresh();

    (void)state;
    rota_know(&rota, "a");
    rota_know(&rota, "b");
    (void)next(&rota, 1000);
    (void)next(&rota, 1000);
    end(&rota, "a", true, 1, 1100);
    rota_begin_tenure(&rota, 1150);
    assert_string_equal(next(&rota, 1200), "a");
    end(&rota, "a", true, 1, 1250);
    assert_false(rota_round_is_over(&rota, 1250)); /* b's is of before */
    end(&rota, "b", true, 1, 1300);                /* under the old lease: worth nothing */
    assert_string_equal(next(&rota, 1300), "b");
    end(&rota, "b", true, 1, 1400);
    assert_true(rota_round_is_over(&rota, 1400));
    assert_false(rota_round_is_over(&rota, 1400));
    rota_clear(&rota);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everybody_has_a_turn_and_nobody_two_at_once),
        cmocka_unit_test(test_a_request_goes_first_and_is_never_lost),
        cmocka_unit_test(test_a_failure_is_tried_again_soon),
        cmocka_unit_test(test_the_interval_is_what_the_budget_allows),
        cmocka_unit_test(test_a_new_tenure_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
