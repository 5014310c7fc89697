/* A reconciler's parts with a real Redis and the simulated ECS, and what can be seen of them. */
#include "stage.h"

#include "model/environment.h"
#include "reconcile/draft.h"
#include "sim.h"
#include "util/mem.h"

/* ---- the stage ------------------------------------------------------------------------------- */

static void on_lease(void *ctx, bool held)
{
    struct board *board = ctx;

    (void)held;
    board_lock(board);
    board_wake(board);
    board_unlock(board);
}

void open_scheduler(struct fixture *f)
{
    struct error err = {0};
    const struct scheduler_options options = {
        .aws = f->aws,
        .store = f->store,
        .view = f->view,
        .board = f->board,
        .lease = f->lease,
        .drift = f->drift,
        .settle_after_ms = 200,
    };

    f->scheduler = scheduler_open(&options, &err);
    assert_non_null(f->scheduler);
}

int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct error err = {0};
    char warning[256];

    *state = f;
    f->definition = DEFINITION;
    sim_start("us-east-1", NULL);
    sim_do("POST", "/clusters", "{\"name\": \"prod\"}");
    sim_do("POST", "/task-definitions", "{\"family\": \"agent\"}");
    f->server = server_start();
    f->store = open_store(server_url(f->server));
    assert_ok(store_check(f->store, warning, &err), &err);
    f->aws = aws_open(&(struct aws_options){.region = "us-east-1", .endpoint = sim_url()}, &err);
    f->board = board_new();
    f->view = view_open(
        f->store, &(struct view_options){.without_bodies = true, .listener = &f->board->listener},
        &err);
    board_watch(f->board, f->view);
    f->lease = lease_open(f->store, "test", on_lease, f->board, &err);
    f->drift = drift_open(
        &(struct drift_options){
            .aws = f->aws, .store = f->store, .view = f->view, .lease = f->lease},
        &err);
    f->consumer = consumer_open(
        &(struct consumer_options){.aws = f->aws, .queue = "events", .store = f->store}, &err);
    open_scheduler(f);
    return 0;
}

int tear_down(void **state)
{
    struct fixture *f = *state;

    scheduler_free(f->scheduler);
    consumer_free(f->consumer);
    drift_free(f->drift);
    lease_free(f->lease);
    view_free(f->view);
    board_free(f->board);
    aws_free(f->aws);
    store_free(f->store);
    server_free(f->server);
    sim_stop();
    free(f);
    return 0;
}

/* ---- what the API would write ---------------------------------------------------------------- */

void commit_all(struct fixture *f, const struct commit_op *ops, size_t n)
{
    struct error err = {0};
    struct commit_result result;
    struct commit commit = {.cause = "api", .ops = ops, .n_ops = n};

    commit_id_make(commit.id);
    assert_ok(store_commit(f->store, &commit, &result, &err), &err);
    assert_int_equal(result.outcome, COMMIT_DONE);
    for (size_t o = 0; o < n; o++) {
        assert_int_equal(result.ops[o].result, COMMIT_APPLIED);
    }
    assert_ok(view_wait(f->view, result.revision, PATIENCE_MS, &err), &err);
}

/* A new deployment comes into force. */
void deploy(struct fixture *f)
{
    AUTO_STRBUF fields = {0};
    AUTO_STRBUF body = {0};
    AUTO_DRAFT draft = {0};

    if (!f->environment[0]) {
        uuid_make(f->environment);
    }
    uuid_make(f->deployment);
    const struct environment environment = {.cluster = CLUSTER,
                                            .id = f->environment,
                                            .name = "agent",
                                            .task_definition = f->definition,
                                            .token = f->environment,
                                            .deployment = f->deployment};
    const struct deployment deployment = {.cluster = CLUSTER,
                                          .environment = f->environment,
                                          .id = f->deployment,
                                          .task_definition = f->definition,
                                          .token = f->deployment};

    environment_fields(&environment, &fields);
    environment_body(&environment, &body);
    draft_deployment(&draft, &deployment, 0);
    draft.ops[draft.n++] = (struct commit_op){.kind = KIND_ENVIRONMENT,
                                              .key = "agent",
                                              .version = "0",
                                              .fields = fields.text,
                                              .body = body.text};
    commit_all(f, draft.ops, draft.n);
}

/* ---- what can be seen ------------------------------------------------------------------------ */

static size_t count_tasks(const char *path, const char *started_by, const char *status)
{
    json_auto_t *answer = sim_call("GET", path, NULL);
    size_t n = 0, t;
    json_t *task;

    json_array_foreach(json_object_get(answer, "tasks"), t, task)
    {
        n += streq(json_string_value(json_object_get(task, "lastStatus")), status) &&
             (!started_by ||
              streq(json_string_value(json_object_get(task, "startedBy")), started_by));
    }
    return n;
}

size_t running(const char *started_by)
{
    return count_tasks("/tasks?cluster=prod", started_by, "RUNNING");
}

bool has_stopped(const char *arn)
{
    json_auto_t *answer = sim_call("GET", "/tasks?cluster=prod", NULL);
    size_t t;
    json_t *task;

    json_array_foreach(json_object_get(answer, "tasks"), t, task)
    {
        if (streq(json_string_value(json_object_get(task, "task")), arn)) {
            return streq(json_string_value(json_object_get(task, "lastStatus")), "STOPPED");
        }
    }
    return false;
}

int64_t calls(const char *operation)
{
    json_auto_t *answer = sim_call("GET", "/counters", NULL);

    return json_integer_value(
        json_object_get(json_object_get(json_object_get(answer, "calls"), operation), "ok"));
}

static void status_of(struct fixture *f, const char *deployment, char *out, size_t len)
{
    char key[DEPLOYMENT_KEY_LEN];
    AUTO(entity) *entity = NULL;

    deployment_key(f->environment, deployment, key);
    entity = view_get(f->view, KIND_DEPLOYMENT, key);
    snprintf(out, len, "%s", entity ? entity_field(entity, DEPLOYMENT_STATUS) : "");
}

bool has_status(struct fixture *f, const char *deployment, const char *want)
{
    char status[16];

    status_of(f, deployment, status, sizeof(status));
    return streq(status, want);
}

/* The first placement of the environment; NULL when there is none. */
struct entity *some_placement(struct fixture *f)
{
    AUTO_ENTITY_LIST list = {0};

    view_list_prefix(f->view, KIND_PLACEMENT, f->environment, &list);
    return list.n ? entity_ref(list.items[0]) : NULL;
}

bool placement_is(struct fixture *f, const char *state, const char *reason)
{
    AUTO(entity) *placement = some_placement(f);

    return placement && streq(entity_field(placement, PLACEMENT_STATE), state) &&
           streq(entity_field(placement, PLACEMENT_REASON), reason);
}

void freeze(struct fixture *f, const char *value)
{
    AUTO(reply) *reply = server_call(f->server, "HSET", "{blox}:meta", "freeze", value, NULL);

    assert_non_null(reply);
}

bool is_synced(struct fixture *f)
{
    AUTO(entity) *cluster = view_get(f->view, KIND_CLUSTER, CLUSTER);

    return cluster != NULL;
}

static int live_on(const json_t *tasks, const char *instance, const char *status)
{
    const char *arn;
    json_t *task;
    int n = 0;

    json_object_foreach((json_t *)(uintptr_t)tasks, arn, task)
    {
        const char *last = json_string_value(json_object_get(task, "lastStatus"));
        const char *desired = json_string_value(json_object_get(task, "desiredStatus"));

        n += (!instance || streq(json_string_value(json_object_get(task, "instance")), instance)) &&
             (status ? streq(last, status) && streq(desired, "RUNNING") : !streq(last, "STOPPED"));
    }
    return n;
}

struct told tell_history(int fleet)
{
    json_auto_t *answer = sim_call("GET", "/history", NULL);
    json_auto_t *tasks = json_object();
    struct told told = {0, fleet};
    bool all_ran = false;
    json_t *change;
    size_t c;

    json_array_foreach(json_object_get(answer, "transitions"), c, change)
    {
        json_object_set(tasks, json_string_value(json_object_get(change, "task")), change);
        int live = live_on(tasks, json_string_value(json_object_get(change, "instance")), NULL);
        int n = live_on(tasks, NULL, "RUNNING");

        told.most_on_one = live > told.most_on_one ? live : told.most_on_one;
        all_ran |= n == fleet;
        if (all_ran && n < told.fewest_running) {
            told.fewest_running = n;
        }
    }
    return told;
}
