/* When the chain asks for credentials, and what it has to show meanwhile. */
#include "../unit/test.h"

#include <stdlib.h>

#include "aws/credential_chain.h"
#include "peer.h"
#include "util/clock.h"
#include "util/mem.h"

#define SCRIPT(...)                                                                                \
    static const struct reply replies_[] = {__VA_ARGS__};                                          \
    peer_script(peer, replies_, ARRAY_LEN(replies_))
#define KEYS(id, expiration)                                                                       \
    "{\"AccessKeyId\": \"" id "\", \"SecretAccessKey\": \"s\", \"Token\": \"t\", "                 \
    "\"Expiration\": \"" expiration "\"}"

#define NOON_MS   1483358400000 /* 2017-01-02T12:00:00Z */
#define MINUTE_MS INT64_C(60000)

static struct peer *peer;
static struct fetch *fetch;
static struct credential_chain *chain;

/* The key id, "" while the chain asks, "-" when there is nothing. */
static const char *have(int64_t now_ms)
{
    struct error err = {0};
    const struct credentials *got = credential_chain_get(chain, now_ms, &err);

    if (err.code != ERR_NONE) {
        return "-";
    }
    return got ? got->access_key_id : "";
}

/* Goes on until that is what there is, and as many requests were made. */
static void await(int64_t now_ms, const char *want, int requests)
{
    const int64_t until_ms = clock_mono_ms() + PATIENCE_MS;

    while (!(streq(have(now_ms), want) && peer_count(peer) == requests) &&
           clock_mono_ms() < until_ms) {
        fetch_turn(fetch, 20);
    }
    assert_string_equal(have(now_ms), want);
    assert_int_equal(peer_count(peer), requests);
}

/* No more requests are made. */
static void stay_at(int requests)
{
    for (int turn = 0; turn < 5; turn++) {
        fetch_turn(fetch, 10);
    }
    assert_int_equal(peer_count(peer), requests);
}

static void test_new_ones_are_asked_for_before_the_old_expire(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .body = KEYS("AKONE", "2017-01-02T12:00:00Z")},
           {.status = 200, .body = KEYS("AKTWO", "2017-01-02T18:00:00Z"), .held = true});
    assert_string_equal(have(NOON_MS - 60 * MINUTE_MS), "");
    await(NOON_MS - 60 * MINUTE_MS, "AKONE", 1);
    assert_string_equal(have(NOON_MS - 6 * MINUTE_MS), "AKONE");
    stay_at(1);
    for (int i = 0; i < 5; i++) { /* the old ones serve, and one request is under way */
        assert_string_equal(have(NOON_MS - 4 * MINUTE_MS), "AKONE");
        fetch_turn(fetch, 1);
    }
    peer_release(peer);
    await(NOON_MS - 4 * MINUTE_MS, "AKTWO", 2);
}

static void test_the_old_ones_serve_while_they_are_valid(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .body = KEYS("AKONE", "2017-01-02T12:00:00Z")}, {.status = 500},
           {.status = 200, .body = "nonsense"});
    assert_string_equal(have(NOON_MS - 60 * MINUTE_MS), "");
    await(NOON_MS - 60 * MINUTE_MS, "AKONE", 1);
    await(NOON_MS - 4 * MINUTE_MS, "AKONE", 3);
    stay_at(3);                          /* not again at once */
    while (!streq(have(NOON_MS), "-")) { /* perhaps the last answer is still to be read */
        fetch_turn(fetch, 20);
    }
}

static void test_refused_ones_are_not_used_again_before_the_source_was_asked(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .body = KEYS("AKONE", "2017-01-02T12:00:00Z")},
           {.status = 200, .body = KEYS("AKTWO", "2017-01-02T12:00:00Z")});
    assert_string_equal(have(NOON_MS - 60 * MINUTE_MS), "");
    await(NOON_MS - 60 * MINUTE_MS, "AKONE", 1);
    assert_true(credential_chain_refuse(chain));
    assert_string_equal(have(NOON_MS - 60 * MINUTE_MS), "");
    await(NOON_MS - 60 * MINUTE_MS, "AKTWO", 2);
    assert_false(credential_chain_refuse(chain)); /* once in a while is enough */
    assert_string_equal(have(NOON_MS - 60 * MINUTE_MS), "AKTWO");
}

static int set_up(void **state)
{
    struct profile profile = {0};
    struct error err = {0};

    (void)state;
    peer = peer_start();
    AUTO_CHAR *uri = xasprintf("%s/creds", peer_url(peer));

    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    setenv("AWS_SHARED_CREDENTIALS_FILE", NO_FILE, 1);
    setenv("AWS_CONFIG_FILE", NO_FILE, 1);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri, 1);
    fetch = fetch_new(4, "test", &err);
    assert_int_equal(profile_load(&profile, NULL, &err), 0);
    chain = credential_chain_new(fetch, &profile, &err);
    profile_clear(&profile);
    return chain ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    credential_chain_free(chain);
    fetch_free(fetch);
    peer_stop(peer);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_new_ones_are_asked_for_before_the_old_expire),
        TEST(test_the_old_ones_serve_while_they_are_valid),
        TEST(test_refused_ones_are_not_used_again_before_the_source_was_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
