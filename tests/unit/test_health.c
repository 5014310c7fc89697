/* What /livez and /readyz say. */
#include "http/health.h"

#include "test.h"
#include "util/metrics.h"

static int set_up(void **state)
{
    struct error err = {0};

    (void)state;
    return metrics_open(METRICS_OF_RECONCILER, 0, &err);
}

static int tear_down(void **state)
{
    (void)state;
    metrics_close();
    return 0;
}

static void test_nothing_wrong_is_ok(void **state)
{
    AUTO_HEALTH health = {0};
    AUTO_STRBUF text = {0};

    (void)state;
    health_write(&health, false, &text);
    assert_string_equal(text.text, "ok\n");
    assert_int_equal(health_status(&health), 200);
}

static void test_the_worst_check_decides_and_is_named(void **state)
{
    AUTO_HEALTH health = {0};
    AUTO_STRBUF text = {0};

    (void)state;
    health_add(&health, "one", HEALTH_OK, "fine");
    health_add(&health, "two", HEALTH_DEGRADED, "slow by %d s", 7);
    assert_int_equal(health_status(&health), 200);
    health_write(&health, false, &text);
    assert_string_equal(text.text, "degraded: two: slow by 7 s\n");

    health_add(&health, "three", HEALTH_FAILED, "gone");
    health_add(&health, "four", HEALTH_FAILED, "gone, too");
    assert_int_equal(health_status(&health), 503);
    strbuf_reset(&text);
    health_write(&health, true, &text);
    assert_string_equal(text.text, "[+] one: fine\n[!] two: slow by 7 s\n[-] three: gone\n"
                                   "[-] four: gone, too\nfailed: three: gone\n");
}

static void test_a_loop_which_turned_is_alive(void **state)
{
    AUTO_HEALTH health = {0};

    (void)state;
    metric_mark(METRIC_LOOP_AGE, LOOP_FOLLOWER);
    health_add_loops(&health, "worker 3 ", 0);
    assert_int_equal(health.state, HEALTH_OK);
    assert_string_equal(health.lines.text, "[+] worker 3 follower: turned 0.0 s ago\n");
}

static void test_how_long_a_loop_may_take(void **state)
{
    static const struct {
        enum metric_loop loop;
        double age_s;
        bool turns;
    } cases[] = {
        {LOOP_FOLLOWER, 119, true},  {LOOP_FOLLOWER, 121, false}, {LOOP_CONSUMER, 119, true},
        {LOOP_CONSUMER, 121, false}, {LOOP_STREAMS, 121, false},  {LOOP_SCHEDULER, 121, false},
        {LOOP_DRIFT, 121, true}, /* it may be listing a thousand clusters */
        {LOOP_DRIFT, 599, true},     {LOOP_DRIFT, 601, false},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        if (health_loop_turns(cases[c].loop, cases[c].age_s) != cases[c].turns) {
            fail_msg("case %zu: want %d", c, cases[c].turns);
        }
    }
}

static void test_a_view_is_ready_when_it_is_loaded(void **state)
{
    AUTO_HEALTH before = {0};
    AUTO_HEALTH degraded = {0};
    AUTO_HEALTH after = {0};

    (void)state;
    health_add_view(&before, "", 0);
    assert_int_equal(health_status(&before), 503);

    metric_set(METRIC_VIEW_REVISION, 0, 12); /* and nothing was heard: for ever ago */
    health_add_view(&degraded, "", 0);
    assert_int_equal(degraded.state, HEALTH_DEGRADED);
    assert_int_equal(health_status(&degraded), 200);

    metric_mark(METRIC_VIEW_AGE, 0);
    health_add_view(&after, "", 0);
    assert_int_equal(after.state, HEALTH_OK);
    assert_string_equal(after.lines.text, "[+] view: revision 12, 0.0 s old\n");
}

static void test_verbose_is_asked_for_in_the_query(void **state)
{
    static const struct {
        const char *query;
        bool want;
    } cases[] = {
        {NULL, false},        {"", false},          {"verbose", true},
        {"verbose=1", true},  {"verbosely", false}, {"a=1&verbose&b", true},
        {"a=verbose", false}, {"&&verbose=", true}, {"verbos", false},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        if (health_wants_verbose(cases[c].query) != cases[c].want) {
            fail_msg("\"%s\": want %d", cases[c].query, cases[c].want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_wrong_is_ok),
        cmocka_unit_test(test_the_worst_check_decides_and_is_named),
        cmocka_unit_test_setup_teardown(test_a_loop_which_turned_is_alive, set_up, tear_down),
        cmocka_unit_test(test_how_long_a_loop_may_take),
        cmocka_unit_test_setup_teardown(test_a_view_is_ready_when_it_is_loaded, set_up, tear_down),
        cmocka_unit_test(test_verbose_is_asked_for_in_the_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
