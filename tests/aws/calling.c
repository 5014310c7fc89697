/* One client of AWS and the scripted peer it calls. */
#include "calling.h"

#include "util/clock.h"

struct peer *peer;

struct aws *open_client(const char *url)
{
    struct error err = {0};
    const struct aws_options options = {
        .region = "eu-west-1", .endpoint = url, .user_agent = "blox-test"};
    struct aws *aws = aws_open(&options, &err);

    if (!aws) {
        fail_msg("%s", err.text);
    }
    return aws;
}

struct outcome call(struct aws *aws, struct aws_call how)
{
    json_auto_t *input = json_pack("{s:s}", "cluster", "prod");
    struct outcome got = {0};
    struct error err = {0};
    int64_t began_ms = clock_mono_ms();

    how.service = "ecs";
    how.operation = how.write ? "StartTask" : "DescribeTasks";
    how.input = input;
    how.timeout_ms = how.timeout_ms ? how.timeout_ms : PATIENCE_MS;
    int status = aws_call(aws, &how, &got.answer, &err);

    got.took_ms = clock_mono_ms() - began_ms;
    assert_int_equal(status, got.answer.err.code == ERR_NONE ? 0 : -1);
    assert_int_equal(err.code, got.answer.err.code);
    if (how.class != AWS_REQUEST) { /* which may be answered by an earlier call */
        assert_true(got.answer.deadline_mono_ms >= began_ms + how.timeout_ms);
    }
    assert_true((got.answer.body != NULL) == (status == 0));
    json_decref(got.answer.body);
    got.answer.body = NULL;
    return got;
}

struct outcome do_read(struct aws *aws)
{
    return call(aws, (struct aws_call){.class = AWS_DRIFT});
}

struct outcome do_write(struct aws *aws)
{
    return call(aws, (struct aws_call){.class = AWS_PLACING, .write = true});
}

void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("want \"%s\" in \"%s\"", part, text);
    }
}

void clear_environment(void)
{
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "AWS_EC2_METADATA_DISABLED",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unsetenv(names[i]);
    }
    setenv("AWS_SHARED_CREDENTIALS_FILE", NO_FILE, 1);
    setenv("AWS_CONFIG_FILE", NO_FILE, 1);
}

int set_up(void **state)
{
    (void)state;
    clear_environment();
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    unsetenv("AWS_PROFILE");
    unsetenv("AWS_ENDPOINT_URL");
    unsetenv("http_proxy");
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    peer = peer_start();
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    peer_stop(peer);
    return 0;
}
