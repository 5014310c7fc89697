/* Counting, sharing between processes, and the text which Prometheus reads. */
#include "util/metrics.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "util/clock.h"
#include "util/metrics_table.h"

#define ROUNDS         100
#define COUNTS         10000 /* in each */
#define COUNT_NS_MAX   200   /* with sanitizers; some 10 in a release */
#define WORKERS        2
#define ROUTE_PING     0
#define STATUS_OK      0
#define STATUS_UNKNOWN "777"

static int set_up(void **state)
{
    static const char *const routes[] = {"method=\"GET\",route=\"/v1/ping\"", "method=\"other\""};
    struct error err = {0};

    (void)state;
    metrics_set_routes(routes, ARRAY_LEN(routes));
    return metrics_open(METRICS_OF_API, WORKERS, &err);
}

static int tear_down(void **state)
{
    (void)state;
    metrics_close();
    return 0;
}

/* The line is in the text, whole. */
static void assert_has(const char *line)
{
    AUTO_STRBUF text = {0};
    AUTO_STRBUF want = {0};

    metrics_write(&text);
    strbuf_addf(&want, "\n%s\n", line);
    if (!strstr(text.text, want.text)) {
        fail_msg("no line \"%s\" in:\n%s", line, text.text);
    }
}

static void assert_has_no(const char *part)
{
    AUTO_STRBUF text = {0};

    metrics_write(&text);
    if (strstr(text.text, part)) {
        fail_msg("\"%s\" in:\n%s", part, text.text);
    }
}

/* A worker's life: what `work` does in a process of its own. */
static void in_worker(size_t worker, void (*work)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        metrics_become_worker(worker);
        work();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void answer_ping(void)
{
    metric_add(METRIC_HTTP_REQUESTS, metric_cell(METRIC_HTTP_REQUESTS, ROUTE_PING, STATUS_OK), 1);
    metric_level(METRIC_HTTP_REQUESTS_IN_PROGRESS, 0, 1);
    metric_set(METRIC_VIEW_REVISION, 0, 7);
    metric_mark(METRIC_VIEW_AGE, 0);
}

/* ---- counting -------------------------------------------------------------------------------- */

static void test_counters_of_all_workers_add_up(void **state)
{
    (void)state;
    in_worker(0, answer_ping);
    in_worker(1, answer_ping);
    assert_has("blox_http_requests_total{method=\"GET\",route=\"/v1/ping\",code=\"200\"} 2");
    assert_has("blox_http_requests_in_progress 2");
    assert_has("blox_view_revision{worker=\"0\"} 7");
    assert_has("blox_view_revision{worker=\"1\"} 7");
    assert_has("blox_worker_up{worker=\"1\"} 1");
}

static void test_a_dead_worker_leaves_its_counters_alone(void **state)
{
    (void)state;
    in_worker(0, answer_ping);
    in_worker(1, answer_ping);
    metrics_forget_worker(1);
    assert_has("blox_http_requests_total{method=\"GET\",route=\"/v1/ping\",code=\"200\"} 2");
    assert_has("blox_http_requests_in_progress 1");
    assert_has("blox_view_revision{worker=\"0\"} 7");
    assert_has("blox_worker_up{worker=\"1\"} 0");
    assert_has_no("blox_view_revision{worker=\"1\"}");
    assert_has_no("blox_view_age_seconds{worker=\"1\"}");

    in_worker(1, answer_ping);
    assert_has("blox_http_requests_total{method=\"GET\",route=\"/v1/ping\",code=\"200\"} 3");
    assert_has("blox_view_revision{worker=\"1\"} 7");
}

static void test_nothing_is_counted_before_it_is_open(void **state)
{
    double value = 0;

    (void)state;
    metrics_close();
    metric_add(METRIC_LOG_LINES, 0, 1);
    metric_set(METRIC_VIEW_REVISION, 0, 1);
    metric_mark(METRIC_VIEW_AGE, 0);
    metric_observe_us(METRIC_HTTP_REQUEST_DURATION, 0, 1);
    assert_false(metric_get(0, METRIC_VIEW_REVISION, 0, &value));
    assert_int_equal(set_up(NULL), 0);
}

/* The best of many rounds: others want the machine, too. */
static void test_a_count_takes_nanoseconds(void **state)
{
    int64_t best_us = INT64_MAX;

    (void)state;
    for (int r = 0; r < ROUNDS; r++) {
        int64_t began_us = clock_mono_us();

        for (int i = 0; i < COUNTS; i++) {
            metric_add(METRIC_LOG_LINES, 0, 1);
        }
        int64_t took_us = clock_mono_us() - began_us;

        best_us = took_us < best_us ? took_us : best_us;
    }
    print_message("# %lld ns a count\n", (long long)(best_us * 1000 / COUNTS));
    assert_in_range(best_us * 1000 / COUNTS, 0, COUNT_NS_MAX);
    assert_has("blox_log_lines_total{level=\"debug\"} 1000000");
}

/* ---- the text -------------------------------------------------------------------------------- */

static void test_a_gauge_may_be_zero_and_is_left_out_until_set(void **state)
{
    (void)state;
    assert_has_no("\nblox_governor_tokens");
    metric_set(METRIC_GOVERNOR_TOKENS, BUCKET_READS, 0);
    metric_set(METRIC_GOVERNOR_TOKENS, BUCKET_WRITES, -1.5);
    assert_has("blox_governor_tokens{bucket=\"reads\"} 0");
    assert_has("blox_governor_tokens{bucket=\"writes\"} -1.5");
}

static void test_an_age_grows_by_itself(void **state)
{
    double before = 0;
    double after = 0;

    (void)state;
    metric_mark(METRIC_VIEW_AGE, 0);
    assert_true(metric_get(0, METRIC_VIEW_AGE, 0, &before));
    clock_sleep_ms(20);
    assert_true(metric_get(0, METRIC_VIEW_AGE, 0, &after));
    assert_true(after - before >= 0.02 && after < 60);
}

/* Bounds belong to their bucket, buckets add up, the sum is exact. */
static void test_a_histogram_counts_each_value_in_all_buckets_above_it(void **state)
{
    static const int64_t values_us[] = {-5, 0, 50, 51, 1000000, 2500000, 2500001};

    (void)state;
    for (size_t v = 0; v < ARRAY_LEN(values_us); v++) {
        metric_observe_us(METRIC_HTTP_REQUEST_DURATION, ROUTE_PING, values_us[v]);
    }
#define SERIES(suffix, le)                                                                         \
    "blox_http_request_duration_seconds" suffix "{method=\"GET\",route=\"/v1/ping\"" le "} "
    assert_has(SERIES("_bucket", ",le=\"5e-05\"") "3");
    assert_has(SERIES("_bucket", ",le=\"0.0001\"") "4");
    assert_has(SERIES("_bucket", ",le=\"0.5\"") "4");
    assert_has(SERIES("_bucket", ",le=\"1\"") "5");
    assert_has(SERIES("_bucket", ",le=\"2.5\"") "6");
    assert_has(SERIES("_bucket", ",le=\"+Inf\"") "7");
    assert_has(SERIES("_sum", "") "6.000102");
    assert_has(SERIES("_count", "") "7");
    assert_has_no("method=\"other\",le="); /* nothing of a route nobody asked for */
}

static void test_an_unknown_label_value_counts_as_other(void **state)
{
    size_t code = metric_value_of(METRIC_HTTP_REQUESTS, 1, STATUS_UNKNOWN);

    (void)state;
    metric_add(METRIC_HTTP_REQUESTS, metric_cell(METRIC_HTTP_REQUESTS, 1, code), 3);
    assert_has("blox_http_requests_total{method=\"other\",code=\"other\"} 3");
}

static void test_label_values_are_escaped(void **state)
{
    AUTO_STRBUF out = {0};

    (void)state;
    metrics_add_label(&out, "one", "a\"b\\c\nd");
    metrics_add_label(&out, "two", "\xC3\xA4");
    assert_string_equal(out.text, "one=\"a\\\"b\\\\c\\nd\",two=\"\xC3\xA4\"");
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);

    return len >= strlen(end) && streq(text + len - strlen(end), end);
}

/* promtool checks the rest, in the system tests. */
static void test_every_metric_is_well_named(void **state)
{
    (void)state;
    for (enum metric m = 0; m < METRICS_COUNT; m++) {
        const struct metric_spec *spec = &metrics_table[m];

        if (!spec->name || !spec->help || !spec->programs) {
            fail_msg("metric %d has no name, help or program", (int)m);
        }
        if (ends_with(spec->name, "_total") != (spec->type == METRIC_COUNTER) ||
            (spec->type == METRIC_HISTOGRAM) != (spec->buckets_us != NULL) ||
            (spec->type == METRIC_HISTOGRAM && !ends_with(spec->name, "_seconds")) ||
            (spec->type == METRIC_AGE && !ends_with(spec->name, "_age_seconds"))) {
            fail_msg("%s: its name or its buckets do not fit its type", spec->name);
        }
        for (size_t b = 0; spec->buckets_us && spec->buckets_us[b + 1]; b++) {
            if (spec->buckets_us[b] >= spec->buckets_us[b + 1] && spec->buckets_us[b + 1]) {
                fail_msg("%s: its buckets do not ascend", spec->name);
            }
        }
    }
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(test_counters_of_all_workers_add_up),
        EACH(test_a_dead_worker_leaves_its_counters_alone),
        EACH(test_nothing_is_counted_before_it_is_open),
        EACH(test_a_count_takes_nanoseconds),
        EACH(test_a_gauge_may_be_zero_and_is_left_out_until_set),
        EACH(test_an_age_grows_by_itself),
        EACH(test_a_histogram_counts_each_value_in_all_buckets_above_it),
        EACH(test_an_unknown_label_value_counts_as_other),
        EACH(test_label_values_are_escaped),
        cmocka_unit_test(test_every_metric_is_well_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
