/* Calls to ECS, made of committed steps. */
#include "reconcile/errands.h"

#include <stdlib.h>

#include "aws/ecs.h"
#include "util/log.h"
#include "util/mem.h"

/* Takes the steps. */
static struct errand *errand_new(struct apply *apply, enum errand_kind kind, struct step **steps,
                                 size_t n)
{
    struct errand *errand = xcalloc(1, sizeof(*errand));

    errand->apply = apply;
    errand->kind = kind;
    errand->steps = xreallocarray(NULL, n, sizeof(*steps));
    memcpy(errand->steps, steps, n * sizeof(*steps));
    errand->n = n;
    apply->n_busy += n;
    return errand;
}

void errand_free(struct errand *errand)
{
    for (size_t s = 0; s < errand->n; s++) {
        step_free(errand->steps[s]);
    }
    free(errand->steps);
    json_decref(errand->tasks);
    json_decref(errand->failures);
    free(errand);
}

void errand_answered(struct errand *errand)
{
    struct apply *apply = errand->apply;
    struct board *board = apply->options.board;

    pthread_mutex_lock(&apply->lock);
    TAILQ_INSERT_TAIL(&apply->answered, errand, link);
    pthread_mutex_unlock(&apply->lock);
    board_lock(board);
    board_wake(board);
    board_unlock(board);
}

/* Right before a byte is sent: the lease under which the placement was written is still ours. */
static bool may_send(void *ctx)
{
    struct errand *errand = ctx;
    char token[LEASE_TOKEN_LEN];

    return lease_held(errand->apply->options.lease, token) && streq(token, errand->token);
}

static void on_answer(void *ctx, const struct aws_answer *answer, json_t *tasks, json_t *failures)
{
    struct errand *errand = ctx;

    errand->err = answer->err;
    errand->in_doubt = answer->in_doubt;
    errand->refused = answer->err.code == ERR_CONFLICT && answer->http_status == 0;
    errand->deadline_ms = answer->deadline_mono_ms;
    memcpy(errand->code, answer->code, sizeof(errand->code));
    errand->tasks = json_incref(tasks);
    errand->failures = json_incref(failures);
    errand_answered(errand);
}

static struct ecs ecs_for(struct errand *errand)
{
    return (struct ecs){
        .aws = errand->apply->options.aws,
        .class = errand->steps[0]->class,
        .timeout_ms = CALL_TIMEOUT_MS,
        .may_send = may_send,
        .may_send_ctx = errand,
    };
}

static void call_start(struct apply *apply, struct step **steps, size_t n, const char *token)
{
    struct errand *errand = errand_new(apply, ERRAND_START, steps, n);
    struct ecs ecs = ecs_for(errand);
    json_auto_t *instances = json_array();
    struct ecs_start start = {
        .cluster = steps[0]->placement.cluster,
        .task_definition = steps[0]->task_definition,
        .instances = instances,
        .started_by = steps[0]->placement.deployment,
    };

    memcpy(errand->token, token, sizeof(errand->token));
    for (size_t s = 0; s < n; s++) {
        json_array_append_new(instances, json_string(steps[s]->placement.instance));
    }
    log_debug("scheduler.start", "environment=%s instances=%zu", steps[0]->placement.environment,
              n);
    ecs_start_task_submit(&ecs, &start, on_answer, errand);
}

/* One call a task; each has a copy of the step. Takes the step. */
static void call_stop(struct apply *apply, struct step *step, const char *token)
{
    AUTO_CHAR *list = xstrdup(step->stop);
    char *rest = list;

    while (rest && *rest) {
        const char *task = strsep(&rest, ",");
        struct step *copy = step_copy(step);
        struct errand *errand = errand_new(apply, ERRAND_STOP, &copy, 1);
        struct ecs ecs = ecs_for(errand);

        memcpy(errand->token, token, sizeof(errand->token));
        log_debug("scheduler.stop", "environment=%s task=%s", step->placement.environment, task);
        ecs_stop_task_submit(&ecs, step->placement.cluster, task, "Stopped by blox", on_answer,
                             errand);
    }
    step_free(step);
}

static bool same_call(const struct step *a, const struct step *b)
{
    return a->act == b->act && a->class == b->class &&
           a->place->key.environment == b->place->key.environment &&
           streq(a->placement.deployment, b->placement.deployment);
}

/* How many steps from the first on go into one call. */
static size_t run_of(struct step **steps, size_t n, size_t max)
{
    size_t run = 1;

    while (run < n && run < max && same_call(steps[0], steps[run])) {
        run++;
    }
    return run;
}

void errands_call(struct apply *apply, struct step **steps, size_t n, const char *token)
{
    for (size_t s = 0; s < n;) {
        if (steps[s]->act == PLAN_STOP) {
            call_stop(apply, steps[s++], token);
        } else {
            size_t run = run_of(&steps[s], n - s, ECS_START_MAX);

            call_start(apply, &steps[s], run, token);
            s += run;
        }
    }
}

/* A listing is made for each deployment with starts in doubt, whatever their number. */
void errands_list(struct apply *apply, struct step **steps, size_t n)
{
    for (size_t s = 0; s < n;) {
        size_t run = run_of(&steps[s], n - s, n);

        settler_ask(apply->settler, errand_new(apply, ERRAND_SETTLE, &steps[s], run));
        s += run;
    }
}
