/* From a decision to the placement it writes. */
#include "reconcile/step.h"

#include <stdlib.h>

#include "util/mem.h"

/* The placement's texts are const for its readers; a step's are its own. */
static void own(const char **text, const char *value)
{
    char *old = (char *)(uintptr_t)*text;

    *text = xstrdup(value);
    free(old);
}

static void disown(const char **text)
{
    free((char *)(uintptr_t)*text);
    *text = NULL;
}

static void add_arn(struct strbuf *list, const char *arn)
{
    if (list->len) {
        strbuf_add_char(list, ',');
    }
    strbuf_add_text(list, arn);
}

static bool is_live(const struct entity *task)
{
    return task && !streq(entity_field(task, TASK_LAST_STATUS), "STOPPED");
}

/* Live tasks which nobody has asked to stop yet, but the one that stays. */
static char *to_stop(const struct look *look)
{
    struct strbuf list = {0};

    for (size_t t = 0; t < look->n_tasks; t++) {
        const struct entity *task = look->tasks[t];

        if (t != look->decision.keep && is_live(task) &&
            streq(entity_field(task, TASK_DESIRED_STATUS), "RUNNING")) {
            add_arn(&list, task->key);
        }
    }
    return strbuf_take(&list);
}

/* The ledger as the decision leaves it: a start begins a new one, an adoption adds to it. */
static char *ledger(const struct look *look)
{
    struct strbuf list = {0};

    for (size_t t = 0; look->decision.act != PLAN_START && t < look->n_tasks; t++) {
        if (look->tasks[t]) {
            add_arn(&list, look->tasks[t]->key);
        }
    }
    if (look->decision.act == PLAN_ADOPT) {
        add_arn(&list, look->claimant->key);
    }
    return strbuf_take(&list);
}

/* Whose the placement is from now on: that of the deployment which acts. */
static const char *acting_deployment(const struct place *place, const struct look *look)
{
    switch (look->decision.act) {
    case PLAN_START:
    case PLAN_STOP:
    case PLAN_REPLACE:
        return place->key.environment->deployment;
    default:
        return look->placement ? entity_field(look->placement, PLACEMENT_DEPLOYMENT)
                               : entity_field(look->claimant, TASK_STARTED_BY);
    }
}

struct step *step_new(struct place *place, const struct look *look, enum aws_class class)
{
    const struct plan_decision *decision = &look->decision;
    const struct board_environment *env = place->key.environment;
    struct step *step = xcalloc(1, sizeof(*step));
    AUTO_CHAR *tasks = ledger(look);

    step->place = place;
    step->act = decision->act == PLAN_REPLACE ? PLAN_STOP : decision->act;
    step->class = class;
    step->revision = look->placement ? look->placement->revision : 0;
    step->placement = (struct placement){
        .state = decision->state,
        .failures = decision->failures,
        .retry_at_ms = decision->retry_at_ms,
    };
    own(&step->placement.cluster, env->cluster->arn);
    own(&step->placement.environment, env->id);
    own(&step->placement.instance, place->key.instance->arn);
    own(&step->placement.deployment, acting_deployment(place, look));
    own(&step->placement.tasks, tasks);
    own(&step->placement.lease, "");
    own(&step->placement.reason, decision->reason);
    step->task_definition = xstrdup(env->task_definition);
    step->stop = step->act == PLAN_STOP ? to_stop(look) : xstrdup("");
    return step;
}

struct step *step_copy(const struct step *step)
{
    struct step *copy = xcalloc(1, sizeof(*copy));
    const struct placement *from = &step->placement;
    struct placement *to = &copy->placement;

    *copy = *step;
    to->cluster = xstrdup(from->cluster);
    to->environment = xstrdup(from->environment);
    to->instance = xstrdup(from->instance);
    to->deployment = xstrdup(from->deployment);
    to->tasks = xstrdup(from->tasks);
    to->lease = xstrdup(from->lease);
    to->reason = xstrdup(from->reason);
    copy->task_definition = xstrdup(step->task_definition);
    copy->stop = xstrdup(step->stop);
    return copy;
}

void step_free(struct step *step)
{
    if (!step) {
        return;
    }
    disown(&step->placement.cluster);
    disown(&step->placement.environment);
    disown(&step->placement.instance);
    disown(&step->placement.deployment);
    disown(&step->placement.tasks);
    disown(&step->placement.lease);
    disown(&step->placement.reason);
    free(step->task_definition);
    free(step->stop);
    free(step);
}

void step_set_state(struct step *step, enum placement_state state, int64_t now_ms)
{
    step->placement.state = state;
    step->placement.at_ms = now_ms;
}

void step_set_tasks(struct step *step, const char *tasks)
{
    own(&step->placement.tasks, tasks);
}

void step_set_reason(struct step *step, const char *reason)
{
    own(&step->placement.reason, reason);
}

void step_set_lease(struct step *step, const char *token)
{
    own(&step->placement.lease, token);
}
