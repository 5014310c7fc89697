/* The shared files of the AWS tools, the answers of credential services, and where those may be. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "aws/credentials.h"
#include "aws/profile.h"
#include "util/mem.h"

static const char ini[] = "# comment\n"
                          "[default]\r\n"
                          "aws_access_key_id = AKDEFAULT\r\n"
                          "aws_secret_access_key=a/b+c=d\n"
                          "; region = no\n"
                          "  nested = no\n"
                          "\n"
                          "[ spaced ]\n"
                          "Region=eu-west-1 # why not\n"
                          "empty =\n"
                          "hash = a#b\n"
                          "[profile x]\n"
                          "region = eu-central-1";

static const struct {
    const char *section;
    const char *key;
    const char *want; /* NULL: not there */
} ini_cases[] = {
    {"default", "aws_access_key_id", "AKDEFAULT"},
    {"default", "aws_secret_access_key", "a/b+c=d"},
    {"default", "region", NULL},
    {"default", "nested", NULL},
    {"default", "empty", NULL}, /* of the next section */
    {"spaced", "region", "eu-west-1"},
    {"spaced", "empty", ""},
    {"spaced", "hash", "a#b"},
    {"profile x", "region", "eu-central-1"},
    {"x", "region", NULL},
    {"profile", "region", NULL},
};

static void test_ini(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(ini_cases); c++) {
        AUTO_CHAR *got = ini_get(ini, ini_cases[c].section, ini_cases[c].key);
        const char *want = ini_cases[c].want;

        if ((got == NULL) != (want == NULL) || (got && !streq(got, want))) {
            fail_msg("[%s] %s: want %s, got %s", ini_cases[c].section, ini_cases[c].key,
                     want ? want : "nothing", got ? got : "nothing");
        }
    }
    assert_true(ini_has_section(ini, "spaced"));
    assert_false(ini_has_section(ini, "region"));
    assert_false(ini_has_section("", "default"));
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_profiles(void **state)
{
    char credentials[] = "/tmp/blox-credentials-XXXXXX";
    char config[] = "/tmp/blox-config-XXXXXX";
    struct profile profile = {0};
    struct error err = {0};

    (void)state;
    close(mkstemp(credentials));
    close(mkstemp(config));
    setenv("AWS_SHARED_CREDENTIALS_FILE", credentials, 1);
    setenv("AWS_CONFIG_FILE", config, 1);
    write_file(credentials, "[default]\nkey = 1\n[a]\nkey = 2\n");
    write_file(config,
               "[default]\nregion = r1\nkey = no\n[profile a]\nregion = r2\n[b]\nregion = r3\n");

    assert_int_equal(profile_load(&profile, NULL, &err), 0);
    AUTO_CHAR *key = profile_get(&profile, "key");
    AUTO_CHAR *region = profile_get(&profile, "region");

    assert_string_equal(key, "1");
    assert_string_equal(region, "r1");
    profile_clear(&profile);

    assert_int_equal(profile_load(&profile, "a", &err), 0);
    AUTO_CHAR *other_region = profile_get(&profile, "region");

    assert_string_equal(other_region, "r2");
    profile_clear(&profile);

    assert_int_equal(profile_load(&profile, "b", &err), -1); /* the config file says "profile b" */
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.text, "\"b\""));
    unlink(credentials);
    unlink(config);
    error_clear(&err);
    assert_int_equal(profile_load(&profile, NULL, &err), 0); /* files may be missing */
    profile_clear(&profile);
}

static const struct {
    const char *name;
    const char *body;
    const char *id; /* NULL: refused */
    int64_t expires_at_ms;
} answers[] = {
    {"a container's",
     "{\"AccessKeyId\": \"AK\", \"SecretAccessKey\": \"s\", \"Token\": \"t\", "
     "\"Expiration\": \"2017-01-02T03:04:05Z\"}",
     "AK", 1483326245000},
    {"the metadata service's",
     "{\"Code\": \"Success\", \"AccessKeyId\": \"AK\", \"SecretAccessKey\": \"s\"}", "AK", 0},
    {"a failure", "{\"Code\": \"Failed\", \"AccessKeyId\": \"AK\", \"SecretAccessKey\": \"s\"}",
     NULL, 0},
    {"no secret", "{\"AccessKeyId\": \"AK\"}", NULL, 0},
    {"a key that would be two headers",
     "{\"AccessKeyId\": \"AK\", \"SecretAccessKey\": \"s\", \"Token\": \"t\\r\\nx: y\"}", NULL, 0},
    {"a bad date",
     "{\"AccessKeyId\": \"AK\", \"SecretAccessKey\": \"s\", \"Expiration\": \"tomorrow\"}", NULL,
     0},
    {"no JSON", "<html>", NULL, 0},
    {"nothing", "", NULL, 0},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(answers); c++) {
        struct credentials got = {0};
        struct error err = {0};
        int status = credentials_parse(answers[c].body, strlen(answers[c].body), &got, &err);

        if ((status == 0) != (answers[c].id != NULL) ||
            (answers[c].id && !streq(got.access_key_id, answers[c].id)) ||
            got.expires_at_ms != answers[c].expires_at_ms) {
            fail_msg("%s: got %s %s", answers[c].name, got.access_key_id, err.text);
        }
        credentials_clear(&got);
    }
}

static void test_an_answer_that_fails_leaves_the_old_credentials(void **state)
{
    struct credentials got = {0};
    struct error err = {0};

    (void)state;
    assert_int_equal(credentials_set(&got, "x", "AKOLD", "s", NULL, &err), 0);
    assert_int_equal(credentials_parse("{}", 2, &got, &err), -1);
    assert_string_equal(got.access_key_id, "AKOLD");
    credentials_clear(&got);
}

static const struct {
    const char *uri;
    bool safe;
} uris[] = {
    {"https://example.com/creds", true},
    {"http://127.0.0.1:8080/creds", true},
    {"http://127.8.7.6/creds", true},
    {"http://localhost/creds", true},
    {"http://[::1]:80/creds", true},
    {"http://169.254.170.2/v2", true},
    {"http://169.254.170.23/v1/credentials", true},
    {"http://[fd00:ec2::23]/v1/credentials", true},
    {"http://example.com/creds", false},
    {"http://169.254.169.254/creds", false},
    {"http://127.0.0.1.example.com/creds", false},
    {"http://localhost.example.com/creds", false},
    {"http://localhost@example.com/creds", false},
    {"http://localhost:80@example.com/creds", false},
    {"ftp://localhost/creds", false},
    {"/creds", false},
    {"", false},
};

static void test_safe_uris(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(uris); c++) {
        if (credentials_uri_is_safe(uris[c].uri) != uris[c].safe) {
            fail_msg("%s: want %s", uris[c].uri, uris[c].safe ? "safe" : "refused");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ini),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_an_answer_that_fails_leaves_the_old_credentials),
        cmocka_unit_test(test_safe_uris),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
