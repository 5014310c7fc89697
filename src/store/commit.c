/* Sends a commit to its script and reads what became of each operation. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/epoch.h"
#include "store/keys.h"
#include "store/pool.h"
#include "store/script.h"
#include "util/clock.h"
#include "util/crypto.h"
#include "util/mem.h"

/* The order of commit.lua's KEYS and ARGV. */
#define COMMIT_KEYS   8
#define COMMIT_HEAD   (SCRIPT_ARGS + COMMIT_KEYS + 15) /* everything before the operations */
#define OP_VALUES     9
#define NUMBER_LEN    24
#define EPOCH_ROUNDS  3  /* as often may the server change during one commit */
#define WAIT_SPARE_MS 20 /* for the answer's way back */

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number

struct op_numbers {
    char conditions[NUMBER_LEN];
    char unchanged[NUMBER_LEN];
    char since[NUMBER_LEN];
};

struct committing {
    const struct commit *commit;
    struct commit_result *result;
    int replicas;
    enum script script;
    size_t argc;
    const char **argv;
    struct op_numbers *numbers;
    char result_key[sizeof(KEY_RESULT_PREFIX) + COMMIT_ID_LEN];
    char log_max[NUMBER_LEN];
};

void commit_id_make(char out[COMMIT_ID_LEN])
{
    uint8_t bytes[(COMMIT_ID_LEN - 1) / 2];

    crypto_random(bytes, sizeof(bytes));
    crypto_hex(bytes, sizeof(bytes), out);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* ---- limits -------------------------------------------------------------------------------- */

/* What the stored form and the script take for granted. */
static int check_op(const struct commit_op *op, struct error *err)
{
    if (!op->key || !op->key[0] || strchr(op->key, '\n')) {
        return error_set(err, ERR_INVALID, "a key is a line of text which is not empty");
    }
    if (!op->version || !op->version[0] || op->version[strspn(op->version, "0123456789")] ||
        (op->version[0] == '0' && op->version[1])) {
        return error_set(err, ERR_INVALID, "version of %s: want a canonical decimal", op->key);
    }
    if (op->body && !op->body[0]) {
        return error_set(err, ERR_INVALID, "body of %s: an empty one would be a tombstone",
                         op->key);
    }
    if (op->fields && strchr(op->fields, '\n')) {
        return error_set(err, ERR_INVALID, "fields of %s: want one line", op->key);
    }
    return 0;
}

static int check_limits(const struct commit *commit, struct error *err)
{
    size_t bytes = 0;

    if (commit->n_ops > COMMIT_OPS_MAX) {
        return error_set(err, ERR_INVALID, "a commit has at most %d operations, not %zu",
                         COMMIT_OPS_MAX, commit->n_ops);
    }
    if (strspn(commit->id, "0123456789abcdef") != COMMIT_ID_LEN - 1) {
        return error_set(err, ERR_INVALID, "a commit's id has %d hexadecimal digits",
                         COMMIT_ID_LEN - 1);
    }
    for (size_t i = 0; i < commit->n_ops; i++) {
        const struct commit_op *op = &commit->ops[i];

        if (check_op(op, err) < 0) {
            return -1;
        }
        bytes += strlen(op->key) + strlen(or_empty(op->fields)) + strlen(or_empty(op->body)) +
                 strlen(or_empty(op->raw));
    }
    if (bytes > COMMIT_BYTES_MAX) {
        return error_set(err, ERR_INVALID, "a commit has at most %d bytes, not %zu",
                         COMMIT_BYTES_MAX, bytes);
    }
    return 0;
}

/* ---- the command --------------------------------------------------------------------------- */

static void add(struct committing *c, const char *text)
{
    c->argv[c->argc++] = or_empty(text);
}

static void add_head(struct committing *c, const char *identity)
{
    const struct commit *commit = c->commit;

    c->argc = SCRIPT_ARGS;
    add(c, KEY_REVISION);
    add(c, KEY_META);
    add(c, KEY_CHANGED);
    add(c, KEY_LOG);
    add(c, KEY_LEASE);
    add(c, KEY_AUDIT);
    add(c, c->result_key);
    add(c, KEY_TOMBSTONES);
    add(c, identity);
    add(c, TEXT_OF(STORE_FORMAT));
    add(c, commit->id);
    add(c, commit->cause);
    add(c, commit->actor);
    add(c, commit->lease_token);
    add(c, commit->acts ? "1" : "");
    add(c, commit->durable ? "1" : "");
    add(c, c->log_max);
    add(c, commit->audit_environment);
    add(c, commit->audit_request);
    add(c, commit->audit_api_request);
    add(c, commit->audit_what);
    add(c, commit->audit_before);
    add(c, commit->audit_after);
    assert(c->argc == COMMIT_HEAD);
}

static void add_op(struct committing *c, const struct commit_op *op, struct op_numbers *numbers)
{
    snprintf(numbers->conditions, NUMBER_LEN, "%u", op->conditions);
    snprintf(numbers->unchanged, NUMBER_LEN, "%" PRId64, op->unchanged);
    snprintf(numbers->since, NUMBER_LEN, "%" PRId64, op->since);
    add(c, kind_name(op->kind));
    add(c, op->key);
    add(c, numbers->conditions);
    add(c, numbers->unchanged);
    add(c, numbers->since);
    add(c, op->version);
    add(c, op->fields);
    add(c, op->body);
    add(c, op->raw);
}

/* ---- the answer: one line of words --------------------------------------------------------- */

static int read_op_results(char *words, struct commit_result *result, size_t n)
{
    static const struct {
        const char *word;
        enum commit_op_result result;
    } skipped[] = {{"stale", COMMIT_STALE}, {"changed", COMMIT_CHANGED}, {"same", COMMIT_SAME}};

    for (size_t i = 0; i < n; i++) {
        char *word = strsep(&words, " ");

        if (!word || !word[0]) {
            return -1;
        }
        result->ops[i].result = COMMIT_APPLIED;
        result->ops[i].revision = strtoll(word, NULL, 10);
        for (size_t s = 0; s < ARRAY_LEN(skipped); s++) {
            if (streq(word, skipped[s].word)) {
                result->ops[i].result = skipped[s].result;
            }
        }
    }
    return 0;
}

enum answer { ANSWER_GIVEN, ANSWER_OTHER_SERVER, ANSWER_FAILED };

static enum answer read_answer(struct redis *redis, const struct committing *c, const char *line,
                               struct error *err)
{
    AUTO_CHAR *copy = xstrdup(line);
    char *words = copy;
    const char *outcome = strsep(&words, " ");
    const char *revision = strsep(&words, " ");
    const char *now = strsep(&words, " ");
    struct commit_result *result = c->result;

    if (!now) {
        error_set(err, ERR_PROTOCOL, "redis %s: commit: \"%.60s\"", redis_address(redis), line);
        return ANSWER_FAILED;
    }
    result->revision = strtoll(revision, NULL, 10);
    result->now_ms = strtoll(now, NULL, 10);
    if (streq(outcome, "done") && read_op_results(words, result, c->commit->n_ops) == 0) {
        result->outcome = COMMIT_DONE;
        return ANSWER_GIVEN;
    }
    if (streq(outcome, "conflict") && words) {
        result->outcome = COMMIT_CONFLICT;
        result->conflict_op = (size_t)strtoull(words, NULL, 10);
        return ANSWER_GIVEN;
    }
    if (streq(outcome, "no-lease") || streq(outcome, "frozen")) {
        result->outcome = streq(outcome, "frozen") ? COMMIT_FROZEN : COMMIT_NO_LEASE;
        return ANSWER_GIVEN;
    }
    if (streq(outcome, "identity")) {
        return ANSWER_OTHER_SERVER;
    }
    if (streq(outcome, "format")) {
        error_set(err, ERR_INVALID, "redis %s holds data of format %.10s, this program knows %d",
                  redis_address(redis), or_empty(words), STORE_FORMAT);
    } else if (streq(outcome, "twice") && words) {
        size_t i = (size_t)strtoull(words, NULL, 10);

        error_set(err, ERR_INVALID, "a commit names %s twice",
                  i < c->commit->n_ops ? c->commit->ops[i].key : "a key");
    } else {
        error_set(err, ERR_PROTOCOL, "redis %s: commit: \"%.60s\"", redis_address(redis), line);
    }
    return ANSWER_FAILED;
}

/* ---- replicas ------------------------------------------------------------------------------ */

/* Waits until the replicas have what this connection wrote; with WAITAOF (Redis 7.2) on disk. */
static int wait_for_replicas(struct redis *redis, int64_t deadline_ms, int replicas,
                             struct error *err)
{
    const struct redis_info *info = redis_info(redis);
    bool to_disk = info->aof && (info->major > 7 || (info->major == 7 && info->minor >= 2));
    int64_t left_ms = deadline_ms - clock_mono_ms() - WAIT_SPARE_MS;
    char count[NUMBER_LEN];
    char timeout[NUMBER_LEN];

    snprintf(count, sizeof(count), "%d", replicas);
    snprintf(timeout, sizeof(timeout), "%" PRId64, left_ms > 1 ? left_ms : 1); /* 0: for ever */
    AUTO(reply) *reply =
        to_disk ? redis_call(redis, deadline_ms, err, "WAITAOF", "1", count, timeout, NULL)
                : redis_call(redis, deadline_ms, err, "WAIT", count, timeout, NULL);

    if (!reply) {
        return error_prefix(err, "the commit is in doubt");
    }
    const struct reply *got = to_disk && reply->n == 2 ? reply->items[1] : reply;

    if (got->type != REPLY_INTEGER || got->integer < replicas) {
        return error_set(err, ERR_UNAVAILABLE,
                         "redis %s: the commit is in doubt: %d of %d replicas confirmed it in "
                         "time; see INFO replication there",
                         redis_address(redis), (int)got->integer, replicas);
    }
    return 0;
}

/* ---- the commit ---------------------------------------------------------------------------- */

static int commit_once(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    struct committing *c = ctx;

    for (int round = 0; round < EPOCH_ROUNDS; round++) {
        add_head(c, redis_info(redis)->identity);
        AUTO(reply) *reply =
            script_run(redis, deadline_ms, c->script, COMMIT_KEYS,
                       COMMIT_HEAD + OP_VALUES * c->commit->n_ops, c->argv, NULL, err);

        if (!reply) {
            return -1;
        }
        switch (read_answer(redis, c, reply->type == REPLY_TEXT ? reply->text : "", err)) {
        case ANSWER_FAILED:
            return -1;
        case ANSWER_OTHER_SERVER:
            if (epoch_check_again(redis, deadline_ms, err) < 0) {
                return -1;
            }
            break;
        case ANSWER_GIVEN:
            return c->commit->durable && c->replicas > 0 && c->result->outcome == COMMIT_DONE
                       ? wait_for_replicas(redis, deadline_ms, c->replicas, err)
                       : 0;
        }
    }
    return error_set(err, ERR_UNAVAILABLE, "redis %s: the server keeps changing",
                     redis_address(redis));
}

static bool only_deletes(const struct commit *commit)
{
    for (size_t i = 0; i < commit->n_ops; i++) {
        if (commit->ops[i].body) {
            return false;
        }
    }
    return commit->n_ops > 0;
}

int store_commit(struct store *store, const struct commit *commit, struct commit_result *result,
                 struct error *err)
{
    struct committing c = {.commit = commit, .result = result, .replicas = store_replicas(store)};

    if (check_limits(commit, err) < 0) {
        return -1;
    }
    c.script = only_deletes(commit) ? SCRIPT_COMMIT_DELETES : SCRIPT_COMMIT;
    c.argv = xcalloc(COMMIT_HEAD + OP_VALUES * commit->n_ops, sizeof(*c.argv));
    c.numbers = xcalloc(commit->n_ops + 1, sizeof(*c.numbers));
    snprintf(c.result_key, sizeof(c.result_key), "%s%s", KEY_RESULT_PREFIX, commit->id);
    snprintf(c.log_max, sizeof(c.log_max), "%" PRId64, store_log_max(store));
    c.argc = COMMIT_HEAD;
    for (size_t i = 0; i < commit->n_ops; i++) {
        add_op(&c, &commit->ops[i], &c.numbers[i]);
    }
    int status = store_run(store, commit_once, &c, err);

    free(c.numbers);
    free(c.argv);
    return status;
}

int store_check_writable(struct store *store, struct error *err)
{
    struct commit commit = {.cause = ""};
    struct commit_result result;

    commit_id_make(commit.id);
    return store_commit(store, &commit, &result, err);
}
