/* The Lambda function between API Gateway and Blox: a custom runtime that asks for events. */
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

#include "lambda-proxy/backend.h"
#include "lambda-proxy/proxy.h"
#include "lambda-proxy/runtime.h"
#include "util/config.h"
#include "util/log.h"
#include "util/signals.h"

#define RUNTIME_API "AWS_LAMBDA_RUNTIME_API"

#define LARGE_LEN (256 * 1024)  /* bytes; from here on memory goes back to the system */
#define KEPT_LEN  (1024 * 1024) /* bytes an answer's buffer keeps for the next one */

struct settings {
    char *runtime_api;
    struct {
        char *url;
        char *key_id;
        char *key_secret;
    } backend;
};

#define AT(member) offsetof(struct settings, member)

static const struct option_spec options[] = {
    {"backend-url", OPTION_TEXT, NULL, "URL", NULL, 0, 0,
     "Where Blox is: http:// or https:// and the load balancer's name. Required.", AT(backend.url)},
    {"key-id", OPTION_TEXT, NULL, "ID", NULL, 0, 0,
     "Id of the key with which requests are signed. Required.", AT(backend.key_id)},
    {"key-secret", OPTION_TEXT, NULL, "SECRET", NULL, 0, 0,
     "Its secret, 32 to 1024 bytes; better in the environment, where fewer see it. Required.",
     AT(backend.key_secret)},
    {"runtime-api", OPTION_TEXT, RUNTIME_API, "HOST:PORT", NULL, 0, 0,
     "Where Lambda's Runtime API is; Lambda sets it. Required.", AT(runtime_api)},
    LOG_OPTIONS,
};

static const struct program_spec program = {
    .name = "blox-lambda-proxy",
    .summary = "passes API Gateway's calls on to Blox, signed, as an AWS Lambda function",
    .options = options,
    .n_options = ARRAY_LEN(options),
};

/* Tells Lambda why there will be no event, as far as that is possible, and gives the exit status:
 * with a Runtime API 1, as it wants, else what a person at a shell would expect. */
static int fail_init(const char *address, const struct error *why)
{
    struct error err = {0};
    int status = log_fatal(why);
    AUTO(runtime) *runtime = address && *address ? runtime_open(address, &err) : NULL;

    if (!runtime) {
        return status;
    }
    if (runtime_fail_init(runtime, "Runtime.InvalidConfiguration", why->text, &err) < 0) {
        log_error("runtime.init-error", "text=\"%s\"", err.text);
    }
    return EXIT_FAILURE;
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* An event is answered or, when the fault is ours, failed; the loop goes on in any case. */
static void serve(struct runtime *runtime, struct backend *backend,
                  const struct invocation *invocation, struct strbuf *answer)
{
    struct error fault = {0};
    struct error err = {0};
    int rc;

    if (proxy_handle(backend, invocation, answer, &fault) == 0) {
        rc = runtime_answer(runtime, answer->text, answer->len, &err);
    } else {
        log_error("request.fault", "text=\"%s\"", fault.text);
        rc = runtime_fail(runtime, "Runtime.InternalFault", "internal fault, see the log", &err);
    }
    if (rc < 0) {
        log_error("runtime.refused", "text=\"%s\"", err.text);
    }
}

static int loop(struct runtime *runtime, struct backend *backend, struct error *err)
{
    AUTO_STRBUF answer = {0};
    struct invocation invocation;
    int rc;

    while ((rc = runtime_next(runtime, &invocation, err)) == 0) {
        log_request(invocation.id);
        serve(runtime, backend, &invocation, &answer);
        log_request(NULL);
        if (answer.cap > KEPT_LEN) {
            strbuf_clear(&answer);
        }
    }
    return rc < 0 ? -1 : 0;
}

static int run(const struct settings *settings)
{
    const struct backend_options backend_options = {
        .url = settings->backend.url,
        .key_id = settings->backend.key_id,
        .key_secret = settings->backend.key_secret,
    };
    struct error err = {0};

    if (!settings->runtime_api) {
        error_set(&err, ERR_INVALID,
                  RUNTIME_API " is missing: this program runs in AWS Lambda, which sets it");
        return log_fatal(&err);
    }
    AUTO(backend) *backend = NULL;

    if (backend_check(&backend_options, &err) == 0 && signals_catch(&err) == 0) {
        backend = backend_open(&backend_options, &err);
    }
    if (!backend) {
        return fail_init(settings->runtime_api, &err);
    }
    AUTO(runtime) *runtime = runtime_open(settings->runtime_api, &err);

    if (!runtime) {
        return log_fatal(&err);
    }
    log_info("proxy.ready", "backend=%s key=%s", settings->backend.url, settings->backend.key_id);
    if (loop(runtime, backend, &err) < 0) {
        return log_fatal(&err);
    }
    log_info("proxy.stopping", "%s", "");
    return EXIT_SUCCESS;
}

/* glibc keeps freed memory of a size it has met once: an event of 6 MB would stay for good. */
static void give_memory_back(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE_LEN);
    mallopt(M_TRIM_THRESHOLD, LARGE_LEN);
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct error err = {0};
    enum config_outcome outcome = CONFIG_RUN;
    int status = EXIT_SUCCESS;

    give_memory_back();
    if (config_load(&program, argc, argv, &settings, &outcome, &err) < 0) {
        return fail_init(getenv(RUNTIME_API), &err);
    }
    if (outcome == CONFIG_RUN) {
        status = run(&settings);
    }
    config_clear(&program, &settings);
    return status;
}
