/* What Redis says, taken apart: INFO, refusals, stored values. */
#include "test.h"

#include "store/log.h"
#include "store/redis.h"

static void test_info(void **state)
{
    struct redis_info info = {0};

    (void)state;
    redis_info_parse("# Server\r\nredis_version:7.2.4\r\nrun_id:0123abcd\r\n# Persistence\r\n"
                     "loading:0\r\nasync_loading:1\r\naof_enabled:1\r\n# Memory\r\n"
                     "maxmemory_policy:allkeys-lru\r\n# Replication\r\nrole:master\r\n"
                     "master_replid:feed\r\nmaster_replid2:beef\r\n",
                     &info);
    assert_int_equal(info.major, 7);
    assert_int_equal(info.minor, 2);
    assert_true(info.primary && info.aof && !info.loading);
    assert_string_equal(info.policy, "allkeys-lru");
    assert_string_equal(info.identity, "0123abcd feed");
    redis_info_parse("redis_version:6.0.16\r\nrole:slave\r\nloading:1", &info);
    assert_int_equal(info.major, 6);
    assert_true(!info.primary && !info.aof && info.loading);
    assert_string_equal(info.policy, "");
    redis_info_parse("", &info);
    assert_int_equal(info.major, 0);
}

static const struct {
    const char *reply;
    enum error_code code;
    bool elsewhere;
} refusals[] = {
    {"READONLY You can't write against a read only replica.", ERR_UNAVAILABLE, true},
    {"LOADING Redis is loading the dataset in memory", ERR_UNAVAILABLE, true},
    {"MASTERDOWN Link with MASTER is down", ERR_UNAVAILABLE, true},
    {"UNBLOCKED force unblock from blocking operation", ERR_UNAVAILABLE, true},
    {"CLUSTERDOWN The cluster is down", ERR_UNAVAILABLE, true},
    {"OOM command not allowed when used memory > 'maxmemory'.", ERR_UNAVAILABLE, false},
    {"MISCONF Redis is configured to save RDB snapshots", ERR_UNAVAILABLE, false},
    {"BUSY Redis is busy running a script.", ERR_UNAVAILABLE, false},
    {"NOREPLICAS Not enough good replicas to write.", ERR_UNAVAILABLE, false},
    {"NOAUTH Authentication required.", ERR_DENIED, false},
    {"WRONGPASS invalid username-password pair", ERR_DENIED, false},
    {"NOPERM this user has no permissions", ERR_DENIED, false},
    {"MOVED 3999 127.0.0.1:6381", ERR_UNAVAILABLE, true},
    {"ERR unknown command", ERR_PROTOCOL, false},
    {"READONLYISH is another word", ERR_PROTOCOL, false},
    {"", ERR_PROTOCOL, false},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(refusals); r++) {
        struct redis_refusal got = redis_refusal_of(refusals[r].reply);

        if (got.code != refusals[r].code || got.elsewhere != refusals[r].elsewhere) {
            fail_msg("%s: got %s%s", refusals[r].reply, error_code_name(got.code),
                     got.elsewhere ? ", elsewhere" : "");
        }
    }
}

#define ID "0123456789abcdef0123456789abcdef"

static const struct {
    const char *value;
    bool good;
    int64_t revision, at_ms;
    const char *version, *fields, *body;
} values[] = {
    {"12 7 1700000000000 " ID "\na\tb\n{}", true, 12, 1700000000000, "7", "a\tb", "{}"},
    {"12 7 1 " ID "\na\n", true, 12, 1, "7", "a", ""}, /* a tombstone */
    {"1795171108000350 9007199254740993001 1 " ID "\n\n{\"a\":1}", true, 1795171108000350, 1,
     "9007199254740993001", "", "{\"a\":1}"},
    {"12 7 1 " ID "\na\n{\n}", false, 0, 0, "", "", ""}, /* would be two lines of a stream */
    {"12 7 1 " ID "\na\n{\"a\":", false, 0, 0, "", "", ""},
    {"12 7 1 " ID "\na\n{", false, 0, 0, "", "", ""},
    {"12 7 1 " ID "\na\n[]", false, 0, 0, "", "", ""},
    {"12 7 1 " ID "\na\nx", false, 0, 0, "", "", ""},
    {"", false, 0, 0, "", "", ""},
    {"12", false, 0, 0, "", "", ""},
    {"12 7 1 " ID, false, 0, 0, "", "", ""},
    {"12 7 1 " ID "\nno end of fields", false, 0, 0, "", "", ""},
    {"12 7 1 tooshort\na\n{}", false, 0, 0, "", "", ""},
    {"x2 7 1 " ID "\na\n{}", false, 0, 0, "", "", ""},
    {"12  1 " ID "\na\n{}", false, 0, 0, "", "", ""},
    {"-1 7 1 " ID "\na\n{}", false, 0, 0, "", "", ""},
    {"99999999999999999999 7 1 " ID "\na\n{}", false, 0, 0, "", "", ""},
};

static bool is(const char *bytes, size_t len, const char *want)
{
    return len == strlen(want) && memcmp(bytes, want, len) == 0;
}

static void test_values(void **state)
{
    (void)state;
    for (size_t v = 0; v < ARRAY_LEN(values); v++) {
        struct stored_value got = {0};
        bool good = value_parse(values[v].value, strlen(values[v].value), &got);

        if (good != values[v].good) {
            fail_msg("\"%s\": want %d, got %d", values[v].value, values[v].good, good);
        }
        if (!good) {
            continue;
        }
        assert_int_equal(got.revision, values[v].revision);
        assert_int_equal(got.at_ms, values[v].at_ms);
        assert_true(is(got.version, got.version_len, values[v].version));
        assert_true(is(got.commit_id, COMMIT_ID_LEN - 1, ID));
        assert_true(is(got.fields, got.fields_len, values[v].fields));
        assert_true(is(got.body, got.body_len, values[v].body));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
