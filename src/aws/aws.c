/* The AWS thread: takes calls from other threads, lets them go in the governor's order, and tells
 * who waits. */
#include "aws/aws.h"

#include <assert.h>
#include <stdlib.h>

#include "aws/answer.h"
#include "aws/client.h"
#include "util/clock.h"
#include "util/mem.h"
#include "util/metrics.h"

#define CONNECTIONS_DEFAULT 64
#define TURN_MAX_MS         1000 /* a look around at least this often */

static const struct aws_quota default_reads = {100, 20};
static const struct aws_quota default_writes = {100, 40};

static const struct error stopping = {ERR_UNAVAILABLE, "the program is stopping"};
static const struct error cancelled = {ERR_UNAVAILABLE, "cancelled"};
static const struct error no_turn = {ERR_UNAVAILABLE, "no turn within its time"};

/* ---- the thread ------------------------------------------------------------------------------ */

/* API requests often ask for the same at the same time: a later one joins the call under way,
 * unless too little of that call's time is left. */
static struct call *twin_of(struct aws *aws, const struct call *call)
{
    struct call *other = NULL;
    int64_t now_ms = clock_mono_ms();

    if (call->ticket.class != AWS_REQUEST || call->write || call->cancel) {
        return NULL;
    }
    TAILQ_FOREACH(other, &aws->calls, link)
    {
        if (other->ticket.class == AWS_REQUEST && !other->write && !other->cancel &&
            2 * (other->deadline_mono_ms - now_ms) >= call->deadline_mono_ms - now_ms &&
            other->service == call->service && streq(other->operation, call->operation) &&
            streq(other->input, call->input)) {
            return other;
        }
    }
    return NULL;
}

static bool take_incoming(struct aws *aws)
{
    struct calls taken = TAILQ_HEAD_INITIALIZER(taken);
    struct call *call = NULL;

    pthread_mutex_lock(&aws->lock);
    bool closing = aws->closing;

    TAILQ_CONCAT(&taken, &aws->incoming, link);
    pthread_mutex_unlock(&aws->lock);
    while ((call = TAILQ_FIRST(&taken))) {
        struct call *twin = twin_of(aws, call);

        TAILQ_REMOVE(&taken, call, link);
        if (twin) {
            call_join(call, twin);
        } else {
            TAILQ_INSERT_TAIL(&aws->calls, call, link);
            call_wait(call);
        }
    }
    return !closing;
}

static void end_all(struct aws *aws)
{
    struct call *call = NULL;

    while ((call = TAILQ_FIRST(&aws->calls))) {
        call_end(call, &stopping);
    }
}

/* Ends what was cancelled or is late, and lets those go on whose pause is over. A call that is sent
 * ends by its transfer's timeout. */
static void review_calls(struct aws *aws, int64_t now_ms)
{
    struct call *next = NULL;

    for (struct call *call = TAILQ_FIRST(&aws->calls); call; call = next) {
        next = TAILQ_NEXT(call, link);
        if (call->cancel && atomic_load(call->cancel)) {
            call_end(call, &cancelled);
        } else if (call->state != CALL_SENT && now_ms >= call->deadline_mono_ms) {
            call_end(call, &no_turn);
        } else if (call->state == CALL_PAUSED && now_ms >= call->resume_mono_ms) {
            call_wait(call);
        }
    }
}

static void end_waiting(struct aws *aws, const struct error *why)
{
    struct call *next = NULL;

    for (struct call *call = TAILQ_FIRST(&aws->calls); call; call = next) {
        next = TAILQ_NEXT(call, link);
        if (call->state == CALL_WAITING) {
            call_end(call, why);
        }
    }
}

/* Sends what may go. Gives the time until more may: -1 when that takes an answer first. */
static int64_t send_calls(struct aws *aws, int64_t now_ms)
{
    while (aws->n_sent < aws->connections_max && governor_wait_ms(&aws->governor, now_ms) == 0) {
        struct error why = {0};
        const struct credentials *credentials =
            credential_chain_get(aws->credentials, clock_wall_ms() + aws->skew_ms, &why);

        if (why.code != ERR_NONE) {
            end_waiting(aws, &why);
            return -1;
        }
        if (!credentials) {
            return -1;
        }
        /* The ticket is the call's first member. */
        call_send((struct call *)governor_next(&aws->governor, now_ms), credentials);
    }
    return aws->n_sent < aws->connections_max ? governor_wait_ms(&aws->governor, now_ms) : -1;
}

/* How long the thread may sleep, if nothing comes. */
static int turn_ms(const struct aws *aws, int64_t now_ms, int64_t until_send_ms)
{
    const struct call *call = NULL;
    int64_t most = until_send_ms >= 0 && until_send_ms < TURN_MAX_MS ? until_send_ms : TURN_MAX_MS;

    TAILQ_FOREACH(call, &aws->calls, link)
    {
        int64_t at_ms = call->state == CALL_PAUSED ? call->resume_mono_ms : call->deadline_mono_ms;

        if (call->state != CALL_SENT && at_ms - now_ms < most) {
            most = at_ms - now_ms;
        }
    }
    return most > 0 ? (int)most : 0;
}

static void show_bucket(const struct governor_bucket *bucket, enum metric_bucket which)
{
    metric_set(METRIC_GOVERNOR_TOKENS, which, bucket->tokens);
    metric_set(METRIC_GOVERNOR_RATE, which, bucket->rate);
    metric_set(METRIC_AWS_CALLS_WAITING, which, (double)bucket->n_waiting);
}

static void *run(void *ctx)
{
    struct aws *aws = ctx;

    while (take_incoming(aws)) {
        int64_t now_ms = clock_mono_ms();

        review_calls(aws, now_ms);
        int64_t until_send_ms = send_calls(aws, now_ms);

        governor_refill(&aws->governor, now_ms);
        show_bucket(&aws->governor.reads, BUCKET_READS);
        show_bucket(&aws->governor.writes, BUCKET_WRITES);
        metric_mark(METRIC_LOOP_AGE, LOOP_AWS);

        fetch_turn(aws->fetch, turn_ms(aws, now_ms, until_send_ms));
    }
    end_all(aws);
    return NULL;
}

/* ---- open and close -------------------------------------------------------------------------- */

static const char *option_or(const char *option, const char *variable)
{
    const char *value = option && *option ? option : getenv(variable);

    return value && *value ? value : NULL;
}

static int find_region(struct aws *aws, const struct aws_options *options,
                       const struct profile *profile, struct error *err)
{
    const char *given = option_or(options->region, "AWS_REGION");

    given = option_or(given, "AWS_DEFAULT_REGION");
    aws->region = given ? xstrdup(given) : profile_get(profile, "region");
    if (!aws->region || !*aws->region) {
        return error_set(err, ERR_INVALID,
                         "no AWS region: looked for --region, AWS_REGION, AWS_DEFAULT_REGION and "
                         "profile \"%s\" in %s",
                         profile->name, profile->config_path);
    }
    if (aws->region[strspn(aws->region, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0') {
        return error_set(err, ERR_INVALID, "AWS region \"%s\": want one like eu-west-1",
                         aws->region);
    }
    return 0;
}

static int find_endpoints(struct aws *aws, const struct aws_options *options, struct error *err)
{
    const char *both = option_or(options->endpoint, "AWS_ENDPOINT_URL");
    const char *ecs = option_or(options->endpoint_ecs, "AWS_ENDPOINT_URL_ECS");
    const char *sqs = option_or(options->endpoint_sqs, "AWS_ENDPOINT_URL_SQS");

    aws->ecs = (struct service){.name = "ecs",
                                .target = "AmazonEC2ContainerServiceV20141113",
                                .content_type = "application/x-amz-json-1.1"};
    aws->sqs = (struct service){
        .name = "sqs", .target = "AmazonSQS", .content_type = "application/x-amz-json-1.0"};
    if (endpoint_init(&aws->ecs.endpoint, "ecs", aws->region, ecs ? ecs : both, err) < 0) {
        return -1;
    }
    return endpoint_init(&aws->sqs.endpoint, "sqs", aws->region, sqs ? sqs : both, err);
}

static int set_up(struct aws *aws, const struct aws_options *options, const struct profile *profile,
                  struct error *err)
{
    aws->connections_max =
        options->connections_max > 0 ? options->connections_max : CONNECTIONS_DEFAULT;
    aws->fetch =
        fetch_new(aws->connections_max, options->user_agent ? options->user_agent : "blox", err);
    if (!aws->fetch) {
        return -1;
    }
    aws->credentials = credential_chain_new(aws->fetch, profile, err);
    if (!aws->credentials) {
        return -1;
    }
    governor_init(&aws->governor, options->reads.rate > 0 ? options->reads : default_reads,
                  options->writes.rate > 0 ? options->writes : default_writes, clock_mono_ms());
    return 0;
}

/* Where AWS is, as the options, the environment and the profile say. */
static struct aws *find(const struct aws_options *options, struct profile *profile,
                        struct error *err)
{
    AUTO(aws) *aws = xcalloc(1, sizeof(*aws));

    TAILQ_INIT(&aws->calls);
    TAILQ_INIT(&aws->incoming);
    pthread_mutex_init(&aws->lock, NULL);
    if (profile_load(profile, option_or(options->profile, "AWS_PROFILE"), err) < 0 ||
        find_region(aws, options, profile, err) < 0 || find_endpoints(aws, options, err) < 0) {
        return NULL;
    }
    return TAKE(aws);
}

int aws_check(const struct aws_options *options, struct error *err)
{
    struct profile profile = {0};
    AUTO(aws) *aws = find(options, &profile, err);
    AUTO(credential_chain) *chain = aws ? credential_chain_new(NULL, &profile, err) : NULL;

    profile_clear(&profile);
    return chain ? 0 : -1;
}

struct aws *aws_open(const struct aws_options *options, struct error *err)
{
    struct profile profile = {0};
    AUTO(aws) *aws = find(options, &profile, err);
    int status = aws ? set_up(aws, options, &profile, err) : -1;

    profile_clear(&profile);
    if (status < 0) {
        return NULL;
    }
    if (pthread_create(&aws->thread, NULL, run, aws) != 0) {
        error_set(err, ERR_INTERNAL, "no thread for AWS");
        return NULL;
    }
    aws->started = true;
    pthread_setname_np(aws->thread, "aws");
    return TAKE(aws);
}

const char *aws_region(const struct aws *aws)
{
    return aws->region;
}

void aws_free(struct aws *aws)
{
    if (!aws) {
        return;
    }
    if (aws->started) {
        pthread_mutex_lock(&aws->lock);
        aws->closing = true;
        pthread_mutex_unlock(&aws->lock);
        aws_wake(aws);
        pthread_join(aws->thread, NULL);
    }
    credential_chain_free(aws->credentials);
    fetch_free(aws->fetch);
    endpoint_clear(&aws->ecs.endpoint);
    endpoint_clear(&aws->sqs.endpoint);
    pthread_mutex_destroy(&aws->lock);
    free(aws->region);
    free(aws);
}

void aws_wake(struct aws *aws)
{
    fetch_wake(aws->fetch);
}

/* ---- calls from other threads ---------------------------------------------------------------- */

static void parse_output(const struct aws *aws, const char *service, const char *operation,
                         bool write, struct aws_answer *answer, const char *output, size_t len)
{
    if (answer_parse(answer, output, len) < 0) {
        answer->in_doubt = write;
        error_prefix(&answer->err, "%s %s in %s", service, operation, aws->region);
    }
}

static void submit(struct aws *aws, const struct aws_call *from, struct call_waiter *waiter)
{
    struct call *call = call_new(aws, from, waiter);

    pthread_mutex_lock(&aws->lock);
    bool closing = aws->closing;

    if (!closing) {
        TAILQ_INSERT_TAIL(&aws->incoming, call, link);
    }
    pthread_mutex_unlock(&aws->lock);
    if (closing) { /* somebody's `done` wants one more */
        call_end(call, &stopping);
    } else {
        aws_wake(aws);
    }
}

/* One who does not wait: hears of it in the AWS thread. */
struct subscriber {
    struct call_waiter waiter; /* first */
    void (*done)(void *ctx, struct aws_answer *answer);
    void *ctx;
};

static void tell_subscriber(struct call_waiter *waiter, const struct call *call,
                            const struct aws_answer *from, const char *output, size_t len)
{
    struct subscriber *subscriber = (struct subscriber *)waiter;
    struct aws_answer answer = *from;

    if (output) {
        parse_output(call->aws, call->service->name, call->operation, call->write, &answer, output,
                     len);
    }
    subscriber->done(subscriber->ctx, &answer);
    aws_answer_clear(&answer);
    free(subscriber);
}

void aws_submit(struct aws *aws, const struct aws_call *call,
                void (*done)(void *ctx, struct aws_answer *answer), void *ctx)
{
    struct subscriber *subscriber = xcalloc(1, sizeof(*subscriber));

    *subscriber =
        (struct subscriber){.waiter = {.done = tell_subscriber}, .done = done, .ctx = ctx};
    submit(aws, call, &subscriber->waiter);
}

/* One who waits, on its own stack; it parses the output in its own thread. */
struct sleeper {
    struct call_waiter waiter; /* first */
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool is_over;
    struct aws_answer answer;
    char *output;
    size_t len;
};

static void tell_sleeper(struct call_waiter *waiter, const struct call *call,
                         const struct aws_answer *from, const char *output, size_t len)
{
    struct sleeper *sleeper = (struct sleeper *)waiter;

    (void)call;
    pthread_mutex_lock(&sleeper->lock);
    sleeper->answer = *from;
    sleeper->output = output ? xmemdup0(output, len) : NULL;
    sleeper->len = len;
    sleeper->is_over = true;
    pthread_cond_signal(&sleeper->over);
    pthread_mutex_unlock(&sleeper->lock);
}

int aws_call(struct aws *aws, const struct aws_call *call, struct aws_answer *answer,
             struct error *err)
{
    struct sleeper sleeper = {.waiter = {.done = tell_sleeper},
                              .lock = PTHREAD_MUTEX_INITIALIZER,
                              .over = PTHREAD_COND_INITIALIZER};

    assert(!pthread_equal(pthread_self(), aws->thread)); /* it would wait for itself */
    submit(aws, call, &sleeper.waiter);
    pthread_mutex_lock(&sleeper.lock);
    while (!sleeper.is_over) { /* at the call's deadline at the latest */
        pthread_cond_wait(&sleeper.over, &sleeper.lock);
    }
    pthread_mutex_unlock(&sleeper.lock);
    pthread_cond_destroy(&sleeper.over);
    pthread_mutex_destroy(&sleeper.lock);
    *answer = sleeper.answer;
    if (sleeper.output) {
        parse_output(aws, call->service, call->operation, call->write, answer, sleeper.output,
                     sleeper.len);
    }
    free(sleeper.output);
    return answer->err.code == ERR_NONE ? 0
                                        : error_set(err, answer->err.code, "%s", answer->err.text);
}
