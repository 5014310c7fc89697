/*
 * Fills a store with tasks, for benchmarks: seed URL CLUSTER_ARN TASKS [OPS_PER_COMMIT]
 * [BODY_BYTES]. Prints how many tasks a second were committed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"
#include "util/clock.h"
#include "util/mem.h"

#define TIMEOUT_MS 5000
#define TEXT_MAX   256
#define FAMILIES   100  /* of task definitions */
#define STARTERS   1000 /* different startedBy */

struct task {
    char key[TEXT_MAX];
    char version[24];
    struct strbuf fields;
    struct strbuf body;
};

/* Spreads numbers over all digits as ids are. Texts which differ in a few places only would share
 * their hashes in Redis' Lua, which samples long ones, and make a commit look slow. */
static unsigned long long scatter(unsigned long long number)
{
    number = (number + 1) * 0x9E3779B97F4A7C15ULL;
    return (number ^ (number >> 29)) * 0xBF58476D1CE4E5B9ULL;
}

/* "arn:...:cluster/name" -> "arn:...:<type>/name/<32 hexadecimal digits>" */
static void make_arn(const char *cluster_arn, const char *type, long number, char out[TEXT_MAX])
{
    const char *name = strrchr(cluster_arn, '/');
    const char *last = strrchr(cluster_arn, ':');

    snprintf(out, TEXT_MAX, "%.*s:%s%s/%016llx%016llx", last ? (int)(last - cluster_arn) : 0,
             cluster_arn, type, name ? name : "", scatter((unsigned long long)number),
             scatter(~(unsigned long long)number));
}

static void make_definition(const char *cluster_arn, long family, char out[TEXT_MAX])
{
    const char *last = strrchr(cluster_arn, ':');

    snprintf(out, TEXT_MAX, "%.*s:task-definition/family-%ld:1",
             last ? (int)(last - cluster_arn) : 0, cluster_arn, family);
}

static void make_task(const char *cluster_arn, long number, size_t body_bytes, struct task *out)
{
    char instance[TEXT_MAX];
    char definition[TEXT_MAX];
    char starter[TEXT_MAX];
    const char *const words[] = {"RUNNING", "RUNNING", starter, "", "", "1483326245678"};

    make_arn(cluster_arn, "task", number, out->key);
    make_arn(cluster_arn, "container-instance", number / 5, instance);
    make_definition(cluster_arn, number % FAMILIES, definition);
    snprintf(starter, sizeof(starter), "deployment-%ld", number % STARTERS);
    snprintf(out->version, sizeof(out->version), "%lld", (long long)clock_wall_ms());
    strbuf_clear(&out->fields); /* a fresh one: fields_add tells the first field by it */
    fields_add(&out->fields, cluster_arn);
    fields_add(&out->fields, instance);
    fields_add(&out->fields, definition);
    for (size_t w = 0; w < ARRAY_LEN(words); w++) {
        fields_add(&out->fields, words[w]);
    }
    strbuf_reset(&out->body);
    strbuf_addf(&out->body, "{\"taskARN\":\"%s\",\"containerInstanceARN\":\"%s\",\"padding\":\"",
                out->key, instance);
    while (out->body.len + 2 < body_bytes) {
        strbuf_add_char(&out->body, (char)('a' + out->body.len % 26));
    }
    strbuf_add_text(&out->body, "\"}");
}

static int seed(struct store *store, const char *cluster_arn, long n_tasks, size_t per_commit,
                size_t body_bytes, struct error *err)
{
    static struct task tasks[COMMIT_OPS_MAX];
    static struct commit_op ops[COMMIT_OPS_MAX];
    static struct commit_result result;

    for (long done = 0; done < n_tasks;) {
        struct commit commit = {.cause = "event", .ops = ops};

        while (commit.n_ops < per_commit && done < n_tasks) {
            struct task *task = &tasks[commit.n_ops];

            make_task(cluster_arn, done++, body_bytes, task);
            ops[commit.n_ops++] = (struct commit_op){.kind = KIND_TASK,
                                                     .key = task->key,
                                                     .conditions = COMMIT_NEWER,
                                                     .version = task->version,
                                                     .fields = task->fields.text,
                                                     .body = task->body.text,
                                                     .raw = "{}"};
        }
        commit_id_make(commit.id);
        if (store_commit(store, &commit, &result, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct error err = {0};

    if (argc < 4) {
        fprintf(stderr, "usage: seed URL CLUSTER_ARN TASKS [OPS_PER_COMMIT] [BODY_BYTES]\n");
        return 64;
    }
    const struct store_options options = {.url = argv[1], .timeout_ms = TIMEOUT_MS};
    long n_tasks = atol(argv[3]);
    size_t per_commit = argc > 4 ? strtoul(argv[4], NULL, 10) : COMMIT_OPS_MAX;
    size_t body_bytes = argc > 5 ? strtoul(argv[5], NULL, 10) : 1200;
    AUTO(store) *store = store_open(&options, &err);
    int64_t began_ms = clock_mono_ms();

    if (per_commit < 1 || per_commit > COMMIT_OPS_MAX) {
        per_commit = COMMIT_OPS_MAX;
    }
    if (!store || seed(store, argv[2], n_tasks, per_commit, body_bytes, &err) < 0) {
        fprintf(stderr, "seed: %s\n", err.text);
        return 1;
    }
    int64_t took_ms = clock_mono_ms() - began_ms;

    printf("%ld tasks in %lld ms, %lld a second\n", n_tasks, (long long)took_ms,
           (long long)(n_tasks * 1000 / (took_ms > 0 ? took_ms : 1)));
    return 0;
}
