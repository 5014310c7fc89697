/* The local AWS for development and tests: options, one simulator, until a signal ends it. */

#include "sim/sim.h"
#include "util/attr.h"
#include "util/config.h"
#include "util/log.h"
#include "util/signals.h"

struct settings {
    char *listen;
    bool any_address;
    char *region;
    char *account;
    char *queue;
    char *arn_format;
    char *access_key_id;
    char *secret_access_key;
    char *session_token;
    char *gateway_listen;
    char *runtime_api_listen;
    char *gateway_stage;
    int64_t start_delay_ms;
    int64_t stop_timeout_ms;
};

#define OPTION(name, type, variable, value, fallback, min, max, field, help)                       \
    {                                                                                              \
        name, type, variable, value, fallback, min, max, help, offsetof(struct settings, field)    \
    }

static const struct option_spec options[] = {
    OPTION("listen", OPTION_TEXT, NULL, "ADDRESS:PORT", NULL, 0, 0, listen,
           "Where to listen, on loopback; required."),
    OPTION("any-address", OPTION_FLAG, NULL, NULL, NULL, 0, 0, any_address,
           "Allows listening beyond loopback, for containers: who reaches it controls it."),
    OPTION("region", OPTION_TEXT, "AWS_REGION", "REGION", "us-east-1", 0, 0, region,
           "The region of all ARNs; calls must be signed for it."),
    OPTION("account", OPTION_TEXT, NULL, "ID", "123456789012", 0, 0, account,
           "The account of all ARNs."),
    OPTION("queue", OPTION_TEXT, NULL, "NAME", "blox", 0, 0, queue,
           "The queue for ECS' events; made at start, with NAME-dlq."),
    OPTION("arn-format", OPTION_TEXT, NULL, "long|old", "long", 0, 0, arn_format,
           "Whether ARNs of tasks and instances name their cluster."),
    OPTION("start-delay-ms", OPTION_INT, NULL, "MS", "50", 0, 3600000, start_delay_ms,
           "Milliseconds from PENDING to RUNNING."),
    OPTION("stop-timeout-ms", OPTION_INT, NULL, "MS", "-1", -1, 3600000, stop_timeout_ms,
           "Milliseconds from StopTask to STOPPED; -1: the stopTimeout of the task's containers."),
    OPTION("access-key-id", OPTION_TEXT, "AWS_ACCESS_KEY_ID", "ID", "test", 0, 0, access_key_id,
           "The key id that calls must be signed with."),
    OPTION("secret-access-key", OPTION_TEXT, "AWS_SECRET_ACCESS_KEY", "KEY", "test", 0, 0,
           secret_access_key, "The secret of that key; better given by the environment."),
    OPTION("session-token", OPTION_TEXT, "AWS_SESSION_TOKEN", "TOKEN", NULL, 0, 0, session_token,
           "The session token that calls must carry, if any."),
    OPTION("gateway-listen", OPTION_TEXT, NULL, "ADDRESS:PORT", NULL, 0, 0, gateway_listen,
           "Where to be an API Gateway with IAM authorisation, on loopback; without it, nowhere."),
    OPTION("runtime-api-listen", OPTION_TEXT, NULL, "ADDRESS:PORT", NULL, 0, 0, runtime_api_listen,
           "Where the Lambda function behind it polls, on loopback: its AWS_LAMBDA_RUNTIME_API."),
    OPTION("gateway-stage", OPTION_TEXT, NULL, "NAME", "blox", 0, 0, gateway_stage,
           "The stage of the API: the first part of each path."),
    LOG_OPTIONS,
};

static const struct program_spec program = {
    .name = "blox-awssim",
    .summary =
        "ECS, SQS and ECS' events, and API Gateway with a Lambda function's Runtime API, in one "
        "process, for development and tests.",
    .options = options,
    .n_options = ARRAY_LEN(options),
};

static int check_loopback(const char *flag, const char *address, struct error *err)
{
    return !address || strncmp(address, "127.", 4) == 0
               ? 0
               : error_set(err, ERR_INVALID,
                           "--%s %s: only loopback is allowed (127.0.0.1), or --any-address", flag,
                           address);
}

static int check_gateway(const struct settings *settings, struct error *err)
{
    static const char stage_chars[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *stage = settings->gateway_stage;

    if (!settings->gateway_listen != !settings->runtime_api_listen) {
        return error_set(err, ERR_INVALID,
                         "--gateway-listen and --runtime-api-listen want each other: the one takes "
                         "calls, the other hands them to the function");
    }
    if (!*stage || stage[strspn(stage, stage_chars)] != '\0') {
        return error_set(err, ERR_INVALID, "--gateway-stage %s: want letters, digits, - and _",
                         stage);
    }
    return 0;
}

static int check(const struct settings *settings, struct error *err)
{
    if (!settings->listen) {
        return error_set(err, ERR_INVALID, "--listen ADDRESS:PORT is required");
    }
    if ((!settings->any_address &&
         (check_loopback("listen", settings->listen, err) < 0 ||
          check_loopback("gateway-listen", settings->gateway_listen, err) < 0 ||
          check_loopback("runtime-api-listen", settings->runtime_api_listen, err) < 0)) ||
        check_gateway(settings, err) < 0) {
        return -1;
    }
    if (!streq(settings->arn_format, "long") && !streq(settings->arn_format, "old")) {
        return error_set(err, ERR_INVALID, "--arn-format %s: want long or old",
                         settings->arn_format);
    }
    return 0;
}

static int run(void *ctx, struct error *err)
{
    const struct settings *settings = ctx;
    const struct sim_options sim_options = {
        .listen = settings->listen,
        .region = settings->region,
        .account = settings->account,
        .queue = settings->queue,
        .access_key_id = settings->access_key_id,
        .secret_access_key = settings->secret_access_key,
        .session_token =
            settings->session_token && *settings->session_token ? settings->session_token : NULL,
        .start_delay_ms = settings->start_delay_ms,
        .stop_timeout_ms = settings->stop_timeout_ms,
        .old_arns = streq(settings->arn_format, "old"),
        .gateway_listen = settings->gateway_listen,
        .runtime_api_listen = settings->runtime_api_listen,
        .gateway_stage = settings->gateway_stage,
    };

    if (check(settings, err) < 0 || signals_catch(err) < 0) {
        return -1;
    }
    AUTO(sim) *sim = sim_open(&sim_options, err);
    if (!sim) {
        return -1;
    }
    log_info("sim.ready", "port=%d queue=%s", sim_port(sim), settings->queue);
    if (sim_gateway_port(sim)) {
        log_info("gateway.ready", "port=%d stage=%s runtime_api_port=%d", sim_gateway_port(sim),
                 settings->gateway_stage, sim_runtime_api_port(sim));
    }
    signals_wait_stop(-1);
    return 0;
}

int main(int argc, char **argv)
{
    struct settings settings = {0};

    return program_main(&program, argc, argv, &settings, run);
}
