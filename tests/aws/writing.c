/* Waits for writes of ECS. */
#include "writing.h"

void take_written(void *ctx, const struct aws_answer *answer, json_t *tasks, json_t *failures)
{
    struct written *written = ctx;

    pthread_mutex_lock(&written->lock);
    written_clear(written);
    written->in_doubt = answer->in_doubt;
    written->code = answer->err.code;
    written->tasks = json_incref(tasks);
    written->failures = json_incref(failures);
    written->is_over = true;
    pthread_cond_signal(&written->over);
    pthread_mutex_unlock(&written->lock);
}

void await_written(struct written *written)
{
    pthread_mutex_lock(&written->lock);
    while (!written->is_over) {
        pthread_cond_wait(&written->over, &written->lock);
    }
    written->is_over = false;
    pthread_mutex_unlock(&written->lock);
}

void written_clear(struct written *written)
{
    json_decref(written->tasks);
    json_decref(written->failures);
    written->tasks = written->failures = NULL;
}
