/* Settings: who beats whom, and what a mistake is told. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/config.h"

struct settings {
    char *url;
    int64_t pollers;
    int64_t wait_ms;
    bool once;
};

static const struct option_spec options[] = {
    {"redis-url", OPTION_TEXT, NULL, "URL", "redis://127.0.0.1:6379", 0, 0, "Where Redis is.",
     offsetof(struct settings, url)},
    {"pollers", OPTION_INT, NULL, "N", "4", 1, 64, "How many.", offsetof(struct settings, pollers)},
    {"settle-after", OPTION_DURATION, NULL, "TIME", "1m", 500, 3600000, "How long.",
     offsetof(struct settings, wait_ms)},
    {"once", OPTION_FLAG, NULL, NULL, NULL, 0, 0, "Stop after one.",
     offsetof(struct settings, once)},
    LOG_OPTIONS,
};
static const struct program_spec program = {"blox-test", "a test", options, ARRAY_LEN(options)};

/* Loads with up to three arguments; the text of the failure goes to *err. */
static int load(struct settings *settings, struct error *err, const char *a, const char *b,
                const char *c)
{
    const char *argv[] = {"blox-test", a, b, c, NULL};
    int argc = 1 + (a != NULL) + (b != NULL) + (c != NULL);
    enum config_outcome outcome = CONFIG_DONE;

    memset(settings, 0, sizeof(*settings));
    return config_load(&program, argc, (char **)(void *)argv, settings, &outcome, err);
}

static void test_a_flag_beats_the_environment_beats_the_file_beats_the_default(void **state)
{
    char path[] = "/tmp/blox-config-XXXXXX";
    struct settings settings;
    struct error err = {0};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "# a comment\n\n redis-url = file:1 \npollers=7\n") > 0);
    close(fd);
    setenv("BLOX_POLLERS", "8", 1);
    assert_int_equal(load(&settings, &err, "--config", path, "--once"), 0);
    assert_string_equal(settings.url, "file:1");
    assert_int_equal(settings.pollers, 8);
    assert_true(settings.once);
    config_clear(&program, &settings);
    assert_int_equal(load(&settings, &err, "--pollers=9", "--once=false", NULL), 0);
    assert_int_equal(settings.pollers, 9);
    assert_false(settings.once);
    assert_string_equal(settings.url, "redis://127.0.0.1:6379");
    config_clear(&program, &settings);
    unsetenv("BLOX_POLLERS");
    unlink(path);
}

static void test_a_time_is_read_with_its_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t want_ms;
    } cases[] = {{NULL, 60000}, {"500ms", 500}, {"7s", 7000}, {"2m", 120000}, {"1h", 3600000}};

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct settings settings;
        struct error err = {0};

        assert_int_equal(
            load(&settings, &err, cases[c].text ? "--settle-after" : NULL, cases[c].text, NULL), 0);
        assert_int_equal(settings.wait_ms, cases[c].want_ms);
        config_clear(&program, &settings);
    }
}

static const struct {
    const char *a, *b;
    const char *want;
} mistakes[] = {
    {"--redis-ulr", "x", "unknown flag --redis-ulr; did you mean --redis-url?"},
    {"--poller=3", NULL, NULL}, /* an unambiguous beginning is accepted, as everywhere in GNU */
    {"--quiet", NULL, "unknown flag --quiet; blox-test --help lists them"},
    {"--redis-url", NULL, "--redis-url: a value is missing"},
    {"--redis-url", "", "--redis-url: a value is missing"},
    {"--redis-url=", NULL, "--redis-url: a value is missing"},
    {"--config", "", "--config: a value is missing"},
    {"--pollers", "none", "--pollers: want a whole number from 1 to 64, not \"none\""},
    {"--pollers", "65", "--pollers: want a whole number from 1 to 64, not \"65\""},
    {"--pollers", "99999999999999999999",
     "--pollers: want a whole number from 1 to 64, not \"99999999999999999999\""},
    {"--settle-after", "0s",
     "--settle-after: want a time with its unit (ms, s, m, h) from 500ms to 1h, not \"0s\""},
    {"--settle-after", "60",
     "--settle-after: want a time with its unit (ms, s, m, h) from 500ms to 1h, not \"60\""},
    {"--settle-after", "9999999999999999h",
     "--settle-after: want a time with its unit (ms, s, m, h) from 500ms to 1h, not "
     "\"9999999999999999h\""},
    {"--once=maybe", NULL, "--once: want true or false, not \"maybe\""},
    {"--log-level", "loud", "--log-level: want debug, info, warn or error, not \"loud\""},
    {"--log-format", "xml", "--log-format: want auto, logfmt or json, not \"xml\""},
    {"stray", NULL, "unexpected argument \"stray\"; blox-test --help lists the flags"},
    {"--config", "/nowhere", "configuration file /nowhere: No such file or directory"},
};

static void test_a_mistake_is_told_in_one_line(void **state)
{
    (void)state;
    for (size_t m = 0; m < ARRAY_LEN(mistakes); m++) {
        struct settings settings;
        struct error err = {0};
        int rc = load(&settings, &err, mistakes[m].a, mistakes[m].b, NULL);

        if (!mistakes[m].want) {
            assert_int_equal(rc, 0);
            config_clear(&program, &settings);
            continue;
        }
        assert_int_equal(rc, -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.text, mistakes[m].want);
    }
}

static void test_the_variable_is_named_when_it_is_wrong(void **state)
{
    struct settings settings;
    struct error err = {0};

    (void)state;
    setenv("BLOX_POLLERS", "many", 1);
    assert_int_equal(load(&settings, &err, NULL, NULL, NULL), -1);
    assert_string_equal(err.text, "BLOX_POLLERS: want a whole number from 1 to 64, not \"many\"");
    unsetenv("BLOX_POLLERS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flag_beats_the_environment_beats_the_file_beats_the_default),
        cmocka_unit_test(test_a_mistake_is_told_in_one_line),
        cmocka_unit_test(test_a_time_is_read_with_its_unit),
        cmocka_unit_test(test_the_variable_is_named_when_it_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
