/* The listing thread: ListTasks by startedBy, then DescribeTasks. */
#include "reconcile/settle.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "aws/ecs.h"
#include "reconcile/errands.h"
#include "util/mem.h"

#define LISTING_TIMEOUT_MS 30000 /* of one page, waiting for the governor included */

struct settler {
    struct aws *aws;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct errand_list asked;
    atomic_bool stopping; /* ends the call under way, too */
};

/* Describes the ARNs, a hundred at a time. A listed task which Describe does not know proves
 * nothing: ECS has not made up its mind yet. */
static json_t *describe(const struct ecs *ecs, const char *cluster, json_t *arns, struct error *err)
{
    json_auto_t *all = json_array();

    for (size_t from = 0; from < json_array_size(arns); from += ECS_DESCRIBE_MAX) {
        json_auto_t *some = json_array();
        json_auto_t *tasks = NULL;
        json_auto_t *failures = NULL;

        for (size_t a = from; a < json_array_size(arns) && a < from + ECS_DESCRIBE_MAX; a++) {
            json_array_append(some, json_array_get(arns, a));
        }
        if (ecs_describe_tasks(ecs, cluster, some, &tasks, &failures, err) < 0) {
            return NULL;
        }
        if (json_array_size(failures) > 0) {
            error_set(err, ERR_UNAVAILABLE, "ECS lists tasks which it cannot describe");
            return NULL;
        }
        json_array_extend(all, tasks);
    }
    return json_incref(all);
}

static void settle(struct settler *settler, struct errand *errand)
{
    const struct placement *placement = &errand->steps[0]->placement;
    const struct ecs ecs = {.aws = settler->aws,
                            .class = AWS_IN_DOUBT,
                            .timeout_ms = LISTING_TIMEOUT_MS,
                            .cancel = &settler->stopping};
    json_auto_t *arns = NULL;

    if (ecs_list_tasks_started_by(&ecs, placement->cluster, placement->deployment, &arns,
                                  &errand->err) == 0) {
        errand->tasks = describe(&ecs, placement->cluster, arns, &errand->err);
    }
    errand_answered(errand);
}

static struct errand *next_call(struct settler *settler)
{
    struct errand *errand;

    pthread_mutex_lock(&settler->lock);
    while (TAILQ_EMPTY(&settler->asked) && !settler->stopping) {
        pthread_cond_wait(&settler->wake, &settler->lock);
    }
    errand = TAILQ_FIRST(&settler->asked); /* also when stopping: each gets its answer */
    if (errand) {
        TAILQ_REMOVE(&settler->asked, errand, link);
    }
    pthread_mutex_unlock(&settler->lock);
    return errand;
}

static void *settler_main(void *ctx)
{
    struct settler *settler = ctx;
    struct errand *errand;

    pthread_setname_np(pthread_self(), "settler");
    while ((errand = next_call(settler))) {
        settle(settler, errand);
    }
    return NULL;
}

struct settler *settler_open(struct aws *aws, struct error *err)
{
    struct settler *settler = xcalloc(1, sizeof(*settler));

    settler->aws = aws;
    TAILQ_INIT(&settler->asked);
    pthread_mutex_init(&settler->lock, NULL);
    pthread_cond_init(&settler->wake, NULL);
    if (pthread_create(&settler->thread, NULL, settler_main, settler) != 0) {
        error_set(err, ERR_INTERNAL, "cannot start the settler's thread");
        free(settler);
        return NULL;
    }
    return settler;
}

void settler_stop(struct settler *settler)
{
    pthread_mutex_lock(&settler->lock);
    settler->stopping = true;
    pthread_cond_broadcast(&settler->wake);
    pthread_mutex_unlock(&settler->lock);
    aws_wake(settler->aws);
}

void settler_free(struct settler *settler)
{
    if (!settler) {
        return;
    }
    settler_stop(settler);
    pthread_join(settler->thread, NULL);
    pthread_cond_destroy(&settler->wake);
    pthread_mutex_destroy(&settler->lock);
    free(settler);
}

void settler_ask(struct settler *settler, struct errand *errand)
{
    pthread_mutex_lock(&settler->lock);
    TAILQ_INSERT_TAIL(&settler->asked, errand, link);
    pthread_cond_signal(&settler->wake);
    pthread_mutex_unlock(&settler->lock);
}
