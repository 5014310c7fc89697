/* Clock and credentials, as calls use them: corrected, fetched, renewed, or missed by name. */
#include "calling.h"

#include "util/clock.h"
#include "util/mem.h"

static void test_a_wrong_clock_is_corrected_once(void **state)
{
    AUTO(aws) *aws = open_client(peer_url(peer));

    (void)state;
    SCRIPT(peer,
           {.status = 400,
            .headers = "Date: Sun, 06 Nov 2044 08:49:37 GMT\r\n",
            .body = ERROR("InvalidSignatureException", "Signature expired")},
           {.status = 200, .body = OK},
           {.status = 400,
            .headers = "Date: Sun, 06 Nov 2044 08:49:38 GMT\r\n",
            .body = ERROR("InvalidSignatureException", "wrong secret")});
    assert_int_equal(do_write(aws).answer.err.code, ERR_NONE);
    AUTO_CHAR *request = peer_request(peer, 1);

    assert_contains(request, "X-Amz-Date: 20441106T0849");
    assert_int_equal(do_write(aws).answer.err.code, ERR_DENIED);
    assert_int_equal(peer_count(peer), 3);
}

#define KEYS(id, expiration)                                                                       \
    "{\"AccessKeyId\": \"" id "\", \"SecretAccessKey\": \"s\", \"Token\": \"t-" id                 \
    "\", \"Expiration\": \"" expiration "\"}"

static void test_container_credentials_are_fetched_and_renewed_when_refused(void **state)
{
    AUTO_CHAR *uri = xasprintf("%s/creds", peer_url(peer));

    (void)state;
    clear_environment();
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc", 1);
    AUTO(aws) *aws = open_client(peer_url(peer));

    SCRIPT(peer, {.status = 200, .body = KEYS("AKONE", "2099-01-01T00:00:00Z")},
           {.status = 400, .body = ERROR("ExpiredTokenException", "expired")},
           {.status = 200, .body = KEYS("AKTWO", "2099-01-01T00:00:00Z")},
           {.status = 200, .body = OK});
    assert_int_equal(do_write(aws).answer.err.code, ERR_NONE);
    AUTO_CHAR *asked = peer_request(peer, 0);
    AUTO_CHAR *first = peer_request(peer, 1);
    AUTO_CHAR *second = peer_request(peer, 3);

    assert_contains(asked, "GET /creds HTTP/1.1\r\n");
    assert_contains(asked, "Authorization: Basic abc\r\n");
    assert_contains(first, "Credential=AKONE/");
    assert_contains(first, "X-Amz-Security-Token: t-AKONE\r\n");
    assert_contains(first, ";x-amz-security-token");
    assert_contains(second, "Credential=AKTWO/");
    assert_int_equal(peer_count(peer), 4);
}

static void test_credentials_that_expired_are_not_used(void **state)
{
    AUTO_CHAR *uri = xasprintf("%s/creds", peer_url(peer));

    (void)state;
    clear_environment();
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri, 1);
    AUTO(aws) *aws = open_client(peer_url(peer));

    SCRIPT(peer, {.status = 200, .body = KEYS("AKOLD", "2020-01-01T00:00:00Z")},
           {.status = 200, .body = KEYS("AKNEW", "2099-01-01T00:00:00Z")},
           {.status = 200, .body = OK});
    struct outcome got = do_read(aws);

    assert_int_equal(got.answer.err.code, ERR_UNAVAILABLE);
    assert_contains(got.answer.err.text, "expired");
    clock_sleep_ms(1050);
    assert_int_equal(do_read(aws).answer.err.code, ERR_NONE);
    assert_int_equal(peer_count(peer), 3);
}

static void test_metadata_credentials_come_by_a_session(void **state)
{
    (void)state;
    clear_environment();
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", peer_url(peer), 1);
    AUTO(aws) *aws = open_client(peer_url(peer));

    SCRIPT(peer, {.status = 500}, {.status = 200, .body = "session-1"},
           {.status = 200, .body = "role-1\n"},
           {.status = 200, .body = KEYS("AKIMDS", "2099-01-01T00:00:00Z")},
           {.status = 200, .body = OK});
    assert_int_equal(do_read(aws).answer.err.code, ERR_NONE);
    AUTO_CHAR *token = peer_request(peer, 1);
    AUTO_CHAR *keys = peer_request(peer, 3);
    AUTO_CHAR *last = peer_request(peer, 4);

    assert_contains(token, "PUT /latest/api/token HTTP/1.1\r\n");
    assert_contains(token, "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n");
    assert_contains(keys, "GET /latest/meta-data/iam/security-credentials/role-1 HTTP/1.1\r\n");
    assert_contains(keys, "X-aws-ec2-metadata-token: session-1\r\n");
    assert_contains(last, "Credential=AKIMDS/");
}

static void test_no_credentials_at_all_says_where_was_looked(void **state)
{
    (void)state;
    clear_environment();
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    AUTO(aws) *aws = open_client(peer_url(peer));

    SCRIPT(peer, {.status = 200, .body = OK});
    struct outcome got = do_read(aws);

    assert_int_equal(got.answer.err.code, ERR_DENIED);
    assert_contains(got.answer.err.text, "no AWS credentials: looked for AWS_ACCESS_KEY_ID");
    assert_true(got.took_ms < PATIENCE_MS / 2);
    assert_int_equal(peer_count(peer), 0);
}

static void test_no_region_says_where_was_looked(void **state)
{
    const struct aws_options options = {0};
    struct error err = {0};

    (void)state;
    clear_environment();
    assert_null(aws_open(&options, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_contains(err.text, "AWS_REGION");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_wrong_clock_is_corrected_once),
        TEST(test_container_credentials_are_fetched_and_renewed_when_refused),
        TEST(test_credentials_that_expired_are_not_used),
        TEST(test_metadata_credentials_come_by_a_session),
        TEST(test_no_credentials_at_all_says_where_was_looked),
        TEST(test_no_region_says_where_was_looked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
