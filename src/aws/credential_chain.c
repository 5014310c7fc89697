/* The chain of credential sources, and the conversations with those that speak HTTP. */
#include "aws/credential_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "util/clock.h"
#include "util/mem.h"

#define REFRESH_BEFORE_MS (5 * 60 * 1000) /* before they expire */
#define PAUSE_MS          15000           /* after one that brought nothing better than we have */
#define PAUSE_NONE_MS     1000            /* the same, with nothing valid in hand */
#define REQUEST_MS        2000            /* timeout of one request to a source */
#define TRIES             2               /* of one request */
#define TOKEN_FILE_MAX    (16 * 1024)     /* bytes */

/* Source: IAM and EC2 User Guides; ECS Developer Guide, "Task IAM role". */
#define CONTAINER_URL "http://169.254.170.2"
#define METADATA_URL  "http://169.254.169.254"
#define METADATA_PATH "/latest/meta-data/iam/security-credentials/"

enum source {
    SOURCE_NONE,
    SOURCE_ENVIRONMENT,
    SOURCE_PROFILE,
    SOURCE_CONTAINER,
    SOURCE_METADATA,
};

/* Which request is under way. */
enum step { STEP_IDLE, STEP_CONTAINER, STEP_TOKEN, STEP_ROLE, STEP_CREDENTIALS };

struct credential_chain {
    struct fetch *fetch;
    enum source source;
    struct credentials now; /* empty until the first success */
    bool refused;           /* by AWS, so not used until the source was asked */
    char *profile_name;
    char *looked_for; /* for the message when there is nothing */

    char *url;        /* of the container or metadata service */
    char *token_file; /* AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or NULL */
    char *token;      /* for the container, or the metadata session's */
    char *role;       /* at the metadata service */

    enum step step;
    struct fetch_transfer *transfer;
    int tries_left;
    int64_t asked_at_ms;     /* AWS' time when the conversation began */
    int64_t in_vain_mono_ms; /* the last conversation's end, if it brought nothing good; else 0 */
    int64_t refused_mono_ms; /* the last refusal that led to one */
    struct error why;        /* the last failure */
};

/* ---- where they come from -------------------------------------------------------------------- */

static const char *env(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static int use_environment(struct credential_chain *chain, struct error *err)
{
    const char *id = env("AWS_ACCESS_KEY_ID");
    const char *secret = env("AWS_SECRET_ACCESS_KEY");

    if (!id && !secret) {
        return 0;
    }
    if (!id || !secret) {
        return error_set(err, ERR_INVALID, "AWS credentials: %s is set, but %s is not",
                         id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                         id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    }
    chain->source = SOURCE_ENVIRONMENT;
    return credentials_set(&chain->now, "the environment", id, secret, env("AWS_SESSION_TOKEN"),
                           err);
}

static int use_profile(struct credential_chain *chain, const struct profile *profile,
                       struct error *err)
{
    AUTO_CHAR *id = profile_get(profile, "aws_access_key_id");
    AUTO_CHAR *secret = profile_get(profile, "aws_secret_access_key");
    AUTO_CHAR *token = profile_get(profile, "aws_session_token");
    AUTO_CHAR *from = xasprintf("profile \"%s\"", profile->name);

    if (!id && !secret) {
        return 0;
    }
    chain->source = SOURCE_PROFILE;
    return credentials_set(&chain->now, from, id, secret, token, err);
}

static int use_container(struct credential_chain *chain, struct error *err)
{
    const char *relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = env("AWS_CONTAINER_CREDENTIALS_FULL_URI");

    if (!relative && !full) {
        return 0;
    }
    if (relative && *relative != '/') {
        return error_set(err, ERR_INVALID,
                         "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: want a path beginning with /");
    }
    if (!relative && !credentials_uri_is_safe(full)) {
        return error_set(err, ERR_INVALID,
                         "AWS_CONTAINER_CREDENTIALS_FULL_URI: want https, or http at the loopback "
                         "or at an address of the container credentials service");
    }
    chain->source = SOURCE_CONTAINER;
    chain->url = relative ? xasprintf(CONTAINER_URL "%s", relative) : xstrdup(full);
    chain->token_file = xstrdup_or_null(env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));
    chain->token = xstrdup_or_null(env("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    return 0;
}

static void use_metadata(struct credential_chain *chain)
{
    const char *disabled = env("AWS_EC2_METADATA_DISABLED");
    const char *url = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");

    if (disabled && strcasecmp(disabled, "true") == 0) {
        return;
    }
    chain->source = SOURCE_METADATA;
    chain->url = xstrdup(url ? url : METADATA_URL);
    if (chain->url[strlen(chain->url) - 1] == '/') {
        chain->url[strlen(chain->url) - 1] = '\0';
    }
}

static int choose_source(struct credential_chain *chain, const struct profile *profile,
                         struct error *err)
{
    if (use_environment(chain, err) < 0) {
        return -1;
    }
    if (chain->source == SOURCE_NONE && use_profile(chain, profile, err) < 0) {
        return -1;
    }
    if (chain->source == SOURCE_NONE && use_container(chain, err) < 0) {
        return -1;
    }
    if (chain->source == SOURCE_NONE) {
        use_metadata(chain);
    }
    return 0;
}

struct credential_chain *credential_chain_new(struct fetch *fetch, const struct profile *profile,
                                              struct error *err)
{
    AUTO(credential_chain) *chain = xcalloc(1, sizeof(*chain));

    chain->fetch = fetch;
    chain->profile_name = xstrdup(profile->name);
    chain->looked_for = xasprintf("looked for AWS_ACCESS_KEY_ID, profile \"%s\" in %s and %s, "
                                  "container credentials",
                                  profile->name, profile->credentials_path, profile->config_path);
    if (choose_source(chain, profile, err) < 0) {
        err->code = ERR_INVALID; /* half a pair is a wrong setting: nobody has refused it yet */
        return NULL;
    }
    return TAKE(chain);
}

void credential_chain_free(struct credential_chain *chain)
{
    if (!chain) {
        return;
    }
    if (chain->transfer) {
        fetch_cancel(chain->transfer);
    }
    credentials_clear(&chain->now);
    free(chain->profile_name);
    free(chain->looked_for);
    free(chain->url);
    free(chain->token_file);
    free(chain->token);
    free(chain->role);
    free(chain);
}

/* ---- one conversation ------------------------------------------------------------------------ */

static bool valid_for(const struct credential_chain *chain, int64_t now_ms, int64_t margin_ms)
{
    return chain->now.access_key_id && !chain->refused &&
           (chain->now.expires_at_ms == 0 || now_ms + margin_ms < chain->now.expires_at_ms);
}

static void begin(struct credential_chain *chain, enum step step);
static void answered(void *ctx, const struct fetch_answer *answer);

static void ask(struct credential_chain *chain, const char *method, const char *path,
                const struct fetch_header *header)
{
    AUTO_CHAR *url = xasprintf("%s%s", chain->url, path);
    const struct fetch_request request = {
        .method = method,
        .url = url,
        .headers = header,
        .n_headers = header->value ? 1 : 0,
        .body = streq(method, "PUT") ? "" : NULL,
        .timeout_ms = REQUEST_MS,
        .direct = true,
    };

    chain->transfer = fetch_start(chain->fetch, &request, answered, chain);
}

static void end(struct credential_chain *chain, const struct error *why)
{
    chain->step = STEP_IDLE;
    chain->refused = false;
    bool good = why->code == ERR_NONE && valid_for(chain, chain->asked_at_ms, REFRESH_BEFORE_MS);

    chain->in_vain_mono_ms = good ? 0 : clock_mono_ms();
    chain->why = *why;
    if (why->code != ERR_NONE) {
        error_prefix(&chain->why, chain->source == SOURCE_CONTAINER
                                      ? "container credentials"
                                      : "instance metadata credentials");
    }
}

/* The file is read each time: its owner renews it. */
static int read_token_file(struct credential_chain *chain, struct error *err)
{
    char text[TOKEN_FILE_MAX + 1];
    FILE *file = fopen(chain->token_file, "re");

    if (!file) {
        return error_set(err, ERR_DENIED, "%s cannot be read", chain->token_file);
    }
    size_t len = fread(text, 1, TOKEN_FILE_MAX, file);

    fclose(file);
    text[len] = '\0';
    if (len > 0 && text[len - 1] == '\n') {
        text[len - 1] = '\0';
    }
    free(chain->token);
    chain->token = xstrdup(text);
    return 0;
}

static void ask_container(struct credential_chain *chain)
{
    struct error why = {0};

    if (chain->token_file) {
        (void)!read_token_file(chain, &why);
    }
    if (chain->token && chain->token[strcspn(chain->token, "\r\n")] != '\0') {
        error_set(&why, ERR_DENIED, "the authorization token has more than one line");
    }
    if (why.code != ERR_NONE) {
        end(chain, &why);
        return;
    }
    ask(chain, "GET", "", &(struct fetch_header){"Authorization", chain->token});
}

static void begin(struct credential_chain *chain, enum step step)
{
    const struct fetch_header lifetime = {"X-aws-ec2-metadata-token-ttl-seconds", "21600"};
    const struct fetch_header session = {"X-aws-ec2-metadata-token", chain->token};
    AUTO_CHAR *path = NULL;

    chain->step = step;
    switch (step) {
    case STEP_IDLE:
        end(chain, &(struct error){0});
        return;
    case STEP_CONTAINER:
        ask_container(chain);
        return;
    case STEP_TOKEN:
        ask(chain, "PUT", "/latest/api/token", &lifetime);
        return;
    case STEP_ROLE:
        ask(chain, "GET", METADATA_PATH, &session);
        return;
    case STEP_CREDENTIALS:
        path = xasprintf(METADATA_PATH "%s", chain->role);
        ask(chain, "GET", path, &session);
        return;
    }
}

/* Takes the first line of an answer: a text for the next request. */
static int take_line(const struct fetch_answer *answer, char **out, struct error *err)
{
    AUTO_CHAR *line = xmemdup0(answer->body, strcspn(answer->body, "\r\n"));

    if (!credentials_text_is_clean(line)) {
        return error_set(err, ERR_PROTOCOL, "answered nonsense");
    }
    free(*out);
    *out = TAKE(line);
    return 0;
}

/* What the answer to this step brings; 0 and the step that follows. */
static int take_answer(struct credential_chain *chain, const struct fetch_answer *answer,
                       enum step *next, struct error *err)
{
    if (answer->err.code != ERR_NONE) {
        return error_set(err, answer->err.code, "%s", answer->err.text);
    }
    if (answer->status != 200) {
        return error_set(err, answer->status >= 500 ? ERR_UNAVAILABLE : ERR_DENIED,
                         "HTTP status %d", answer->status);
    }
    switch (chain->step) {
    case STEP_TOKEN:
        *next = STEP_ROLE;
        return take_line(answer, &chain->token, err);
    case STEP_ROLE:
        *next = STEP_CREDENTIALS;
        return take_line(answer, &chain->role, err);
    default:
        *next = STEP_IDLE;
        return credentials_parse(answer->body, answer->body_len, &chain->now, err);
    }
}

static void answered(void *ctx, const struct fetch_answer *answer)
{
    struct credential_chain *chain = ctx;
    enum step next = STEP_IDLE;
    struct error why = {0};

    chain->transfer = NULL;
    if (take_answer(chain, answer, &next, &why) == 0) {
        chain->tries_left = TRIES;
        begin(chain, next);
    } else if (--chain->tries_left > 0) {
        begin(chain, chain->step);
    } else {
        end(chain, &why);
    }
}

/* ---- what the caller sees -------------------------------------------------------------------- */

/* Another program may have renewed the profile's files. */
static void reload_profile(struct credential_chain *chain)
{
    struct profile profile = {0};
    struct error why = {0};

    if (profile_load(&profile, chain->profile_name, &why) == 0) {
        (void)!use_profile(chain, &profile, &why);
    }
    end(chain, &(struct error){0}); /* with the old ones where that failed */
    profile_clear(&profile);
}

static void refresh(struct credential_chain *chain)
{
    chain->tries_left = TRIES;
    switch (chain->source) {
    case SOURCE_CONTAINER:
        begin(chain, STEP_CONTAINER);
        return;
    case SOURCE_METADATA:
        begin(chain, STEP_TOKEN);
        return;
    case SOURCE_PROFILE:
        reload_profile(chain);
        return;
    default:
        return;
    }
}

/* Whether the source is to be asked now: before they expire, not again and again. */
static bool refresh_is_due(const struct credential_chain *chain, int64_t now_ms)
{
    int64_t pause_ms = valid_for(chain, now_ms, 0) ? PAUSE_MS : PAUSE_NONE_MS;

    if (chain->step != STEP_IDLE || valid_for(chain, now_ms, REFRESH_BEFORE_MS)) {
        return false;
    }
    return chain->refused || chain->in_vain_mono_ms == 0 ||
           clock_mono_ms() - chain->in_vain_mono_ms >= pause_ms;
}

static void explain(const struct credential_chain *chain, struct error *err)
{
    if (chain->source == SOURCE_METADATA && chain->why.code != ERR_NONE) {
        error_set(err, chain->why.code, "no AWS credentials: %s; %s", chain->why.text,
                  chain->looked_for);
    } else if (chain->why.code != ERR_NONE) {
        error_set(err, chain->why.code, "no AWS credentials: %s", chain->why.text);
    } else if (chain->now.access_key_id) {
        error_set(err, ERR_UNAVAILABLE, "the AWS credentials have expired");
    } else {
        error_set(err, ERR_DENIED, "no AWS credentials: %s", chain->looked_for);
    }
}

const struct credentials *credential_chain_get(struct credential_chain *chain, int64_t now_ms,
                                               struct error *err)
{
    if (refresh_is_due(chain, now_ms)) {
        chain->asked_at_ms = now_ms;
        refresh(chain);
    }
    if (valid_for(chain, now_ms, 0)) {
        return &chain->now;
    }
    if (chain->step == STEP_IDLE) {
        explain(chain, err);
    }
    return NULL;
}

bool credential_chain_refuse(struct credential_chain *chain)
{
    int64_t now_ms = clock_mono_ms();

    if (chain->source == SOURCE_ENVIRONMENT || chain->source == SOURCE_NONE ||
        (chain->refused_mono_ms != 0 && now_ms - chain->refused_mono_ms < PAUSE_MS)) {
        return chain->step != STEP_IDLE;
    }
    chain->refused = true;
    chain->refused_mono_ms = now_ms;
    return true;
}
